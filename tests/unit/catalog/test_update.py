"""Fetching a new catalog: all of it counts, or nothing; whatever dies or lies, the old one stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from styx.api import AuthFailed, CatalogError, InvalidConfig, OfferQuery, PluginError
from styx.catalog import update as updating
from styx.catalog.lock import locked
from styx.catalog.query import Catalog
from styx.catalog.snapshot import read
from styx.catalog.sources import PACKAGE, UPDATED, Shelf, shelves
from styx.catalog.update import Updated, services_for, update
from styx.plugins import index
from styx.testing import FakeClock
from support.catalog_plugins import install
from support.catalogs import entry

OLD = [entry("t1", "1"), entry("t2", "2"), entry("t3", "3")]
FRESH = 'yield sell("t1", "1.5")\nyield sell("t2", "2", zones=("e1", "e2"))'
LATER = date(2036, 1, 1)


def shelf(name: str = "acme") -> Shelf:
    """The catalog of that cloud, as a process finds it that starts now."""
    index.read.cache_clear()
    return next(each for each in shelves() if each.cloud == name)


def fetch(*, force: bool = False, report: Callable[[str], None] = lambda _: None) -> Updated:
    """Update acme."""
    return update(shelf(), services_for(shelf(), FakeClock()), report, force=force)


def sold() -> dict[str, str]:
    """Type and price of what counts now."""
    database = shelf().database()
    found = {offer.instance_type: str(offer.hourly_price) for offer in Catalog(database).offers(OfferQuery())}
    database.close()
    return found


def test_what_is_fetched_counts(site: Path, styx_home: Path) -> None:
    """From the next start on; it is a snapshot as good as the package's, of today."""
    install(site, OLD, body=FRESH)
    fetched = fetch()
    assert sold() == {"t1": "1.5", "t2": "2"}
    assert read(fetched.folder, "acme", strict=True) == fetched.new
    assert fetched.new.as_of == FakeClock().now().date()
    assert fetched.old is not None
    assert shelf().chosen() == (str(fetched.folder), UPDATED)


def test_the_newer_one_counts(site: Path) -> None:
    """A package that was installed since with later prices wins over what was fetched before."""
    install(site, OLD, body=FRESH)
    fetch()
    install(site, [entry("t9", "9")], body=FRESH, as_of=LATER)
    assert shelf().chosen() == (shelf().folder, PACKAGE)
    assert sold() == {"t9": "9"}


def test_the_last_two_are_kept(site: Path, styx_home: Path) -> None:
    """The last one counts, whatever the clock says; whoever reads the one before can do so to its end."""
    install(site, OLD, body=FRESH)
    names = [fetch().folder.name for _ in range(3)]
    assert [name[:6] for name in names] == ["000001", "000002", "000003"]
    assert {path.name for path in (styx_home / "catalog" / "acme").iterdir()} == {".lock", *names[1:]}
    assert Path(shelf().chosen()[0]).name == names[-1]


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ('yield sell("t1", "1")\nraise AuthFailed("the key has expired")', AuthFailed, "the key has expired"),
        ('yield sell("t1", "1")\nraise OSError("no route")', PluginError, "while asking for the prices of acme"),
        ('yield sell("t1", "1")\nexit(3)', PluginError, r"it called sys.exit\(3\)"),
        ("yield 3", PluginError, "while asking for the prices of acme"),
        ("return ()", CatalogError, "was said to sell nothing"),
        ('yield sell("t1", "0")', CatalogError, r"nothing \(1 made no sense; the first: hourly is '0'"),
        ('yield sell("t1", "1")', CatalogError, "sell 1 things, and it was 3 before"),
    ],
)
def test_the_old_one_stays(site: Path, styx_home: Path, body: str, error: type[Exception], said: str) -> None:
    """Whatever goes wrong, in whatever way: the prices are those of before, and nothing is left over."""
    install(site, OLD, body=body)
    with pytest.raises(error, match=said):
        fetch()
    assert sold() == {"t1": "1", "t2": "2", "t3": "3"}
    assert [path.name for path in (styx_home / "catalog" / "acme").iterdir()] == [".lock"]


def test_a_loss_can_be_insisted_on(site: Path) -> None:
    """With force, for providers that have stopped to sell most of it."""
    install(site, OLD, body='yield sell("t1", "1")')
    fetch(force=True)
    assert sold() == {"t1": "1"}


def test_one_that_cannot_be_read_is_replaced(site: Path) -> None:
    """A broken snapshot, shipped or fetched, keeps nobody from fetching a good one."""
    folder = install(site, OLD, body=FRESH)
    (folder / "types.csv").write_text("nonsense\n")
    first = fetch()
    assert first.old is None
    for broken, problem in (("nonsense\n", "not TOML"), ("", "cut off"), ("format = 2\n", "format is 2")):
        (first.folder / "snapshot.toml").write_text(broken)
        with pytest.raises(CatalogError, match=problem) as raised:
            sold()
        assert raised.value.hint == f"Fetch it again with `styx catalog update acme`, or remove {shelf().updates}."
    fetch()
    assert sold() == {"t1": "1.5", "t2": "2"}


def test_two_do_not_update_at_one_time(site: Path, styx_home: Path) -> None:
    """The second is told; what the first has begun is left alone."""
    install(site, OLD, body=FRESH)
    begun = styx_home / "catalog" / "acme" / updating.UNFINISHED
    begun.mkdir(parents=True)
    with locked(str(begun.parent / ".lock"), 0), pytest.raises(CatalogError, match="another process updates acme"):
        fetch()
    assert begun.exists()


def test_what_costs_nothing_new_to_know_is_kept(site: Path) -> None:
    """A refresher that says nothing of moving data leaves what the package says of it, with its source."""
    folder = install(site, OLD, body=FRESH)
    (folder / "transfer.csv").write_text("from_region,to_region,usd_per_gib,source\n*,internet,0.09,list\n")
    new = fetch().new
    assert [row[:2] for row in new.transfer] == [("*", "internet")]
    assert set(new.sources) == {"live", "list"}


def test_it_tells_how_far_it_is(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the refresher says, and how many prices there are every now and then."""
    monkeypatch.setattr(updating, "COUNTED", 2)
    install(site, OLD, body=f'progress("asking east")\n{FRESH}')
    said: list[str] = []
    fetch(report=said.append)
    assert said == ["asking east", "2 prices so far"]


def test_it_is_handed_the_settings_of_its_cloud(site: Path, styx_home: Path) -> None:
    """Checked, though no plugin has the cloud; those of the first account where there are several."""
    install(site, OLD, body=f'assert self.services.config.profile == "prod"\n{FRESH}')
    styx_home.mkdir()
    settings = styx_home / "config.yaml"
    settings.write_text("clouds: {acme: {accounts: {main: {profile: prod}, other: {}}}}")
    fetch()
    settings.write_text("clouds: {acme: {profil: prod}}")
    with pytest.raises(InvalidConfig, match="unknown key 'profil'; did you mean 'profile'"):
        fetch()


def test_a_catalog_that_nothing_renews_says_so(site: Path) -> None:
    """The package's own is all there is."""
    install(site, OLD)
    with pytest.raises(CatalogError, match="styx-acme cannot renew"):
        fetch()


def test_a_home_that_cannot_be_written_is_told(site: Path, styx_home: Path) -> None:
    """As what it is, and the package's catalog goes on to count."""
    install(site, OLD, body=FRESH)
    styx_home.mkdir()
    (styx_home / "catalog").write_text("in the way")
    with pytest.raises(CatalogError, match="cannot write to"):
        fetch()
    assert len(sold()) == 3


KILLED = """
import os, signal, sys
from pathlib import Path
from styx.catalog import update as updating
from styx.catalog.sources import shelves
from styx.clock import SystemClock

sys.path.append(sys.argv[1])
moment, calls = sys.argv[2], iter(range(99))
real = getattr(updating, moment)
def die(*arguments, **keywords):
    if moment != "_sync" or next(calls) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **keywords)
setattr(updating, moment, die)
shelf = next(each for each in shelves() if each.cloud == "acme")
updating.update(shelf, updating.services_for(shelf, SystemClock()), print)
"""


@pytest.mark.parametrize(
    ("moment", "which", "counts"),
    [("to_snapshot", 0, 0), ("_check", 0, 0), ("write", 0, 0), ("_sync", 0, 0), ("_sync", 3, 0), ("_sync", 4, 1)],
)
def test_one_killed_half_way_leaves_the_old_one(
    site: Path, styx_home: Path, moment: str, which: int, counts: int
) -> None:
    """At whatever step: what counts is all of the old one or all of the new one; the next update clears up."""
    install(site, OLD, body=FRESH)
    before = fetch().folder
    code = [sys.executable, "-c", dedent(KILLED), str(site), moment, str(which)]
    ended = subprocess.run(code, check=False, env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path[1:]])})
    assert ended.returncode == -signal.SIGKILL
    newest = shelf().updated()
    assert (newest != str(before)) == bool(counts)
    assert sold() == {"t1": "1.5", "t2": "2"}
    last = fetch().folder
    assert {path.name for path in before.parent.iterdir()} == {".lock", Path(newest or "").name, last.name}
