"""The rules for packages that bring a catalog. A subclass and the fixture ``package`` are all an author writes.

What is known besides goes into class variables (``accelerators``, ``prices_elsewhere``, ...), and ``refresher`` is a
fixture to override with one that asks a server of the test's own, see :func:`styx.testing.serving`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import ClassVar, NoReturn

import pytest

from styx.api import CatalogEntry, CatalogError, PluginError, Refresher, Source
from styx.catalog.amounts import dollars
from styx.catalog.entries import to_snapshot
from styx.catalog.files import FILES
from styx.catalog.rows import Snapshot
from styx.catalog.snapshot import read, write
from styx.plugins.config import load_model
from styx.plugins.entries import CatalogOf
from styx.plugins.isolation import load_target
from styx.plugins.kinds import MANIFEST_NAME
from styx.plugins.locate import package_directories
from styx.plugins.manifest import parse_manifest
from styx.testing.verdict import expect

ROUNDING = 100_000  # billionths of a dollar: sources round spot prices to a hundredth of a cent
SHOWN = 3  # of rows that are wrong in the same way
# What core brings along; what else is there once all modules of a package are imported, the package did not need yet.
_IMPORTS = """
import importlib, pkgutil
import pydantic, styx.api.simple, styx.catalog.update
type("Settings", (pydantic.BaseModel,), {"__module__": __name__})  # brings the rest of pydantic
before = {name.partition(".")[0] for name in sys.modules} | sys.stdlib_module_names
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    if not module.name.endswith("__main__") and ".testbed" not in module.name:  # which is for its own tests
        importlib.import_module(module.name)
after = {name.partition(".")[0] for name in sys.modules}
found = after - before - {sys.argv[1].partition(".")[0]}
print(*sorted(name for name in found if not name.startswith("_")))
"""


class CatalogConformance:
    """Every rule for catalogs, one test each. Subclass it and define the fixture ``package``.

    ``cloud`` is whose catalog to test where the package has several. ``accelerators`` are some that task files name and
    the cloud sells. ``prices_elsewhere`` has lines of type, region and USD per hour on demand, from a source that the
    snapshot was not made of; its prices differ from those by the part ``agreement`` at most. ``spot_may_cost_more``
    says that the provider lets it; ``largest_file`` is in bytes.
    """

    cloud: ClassVar[str] = ""
    accelerators: ClassVar[Collection[str]] = ()
    prices_elsewhere: ClassVar[str] = ""
    agreement: ClassVar[float] = 0.003
    spot_may_cost_more: ClassVar[bool] = False
    largest_file: ClassVar[int] = 2_000_000

    @pytest.fixture
    def package(self) -> NoReturn:
        """The package to test, by the name that it is imported by: the manifest is beside its modules."""
        pytest.fail('define the fixture `package`: it returns the name of your package, like "styx_acme"')

    @pytest.fixture
    def refresher(self) -> Refresher | None:
        """A refresher that asks something that answers, made with :func:`styx.testing.services`; None for none."""
        return None

    @pytest.fixture
    def asked(self, refresher: Refresher | None) -> Refresher:
        """The refresher, for the rules that need one."""
        if refresher is None:
            pytest.skip("the fixture `refresher` is not overridden")
        return refresher

    @pytest.fixture
    def place(self, package: str) -> Path:
        """The folder of the package."""
        directories = package_directories(package)
        if not directories:
            pytest.fail(f"there is no package {package}: is it installed, and what is it called when it is imported?")
        return Path(directories[0])

    @pytest.fixture
    def entry(self, place: Path) -> CatalogOf:
        """What the manifest says of the catalog."""
        path = place / MANIFEST_NAME
        catalogs = parse_manifest(tomllib.loads(path.read_text(encoding="utf-8")), str(path))["catalogs"]
        found = [each for each in catalogs if self.cloud in ("", each["cloud"])]
        if not found:
            pytest.fail(f"{path} has no [[catalogs]]{f' of {self.cloud}' if self.cloud else ''}")
        return found[0]

    @pytest.fixture
    def folder(self, place: Path, entry: CatalogOf) -> Path:
        """The folder of the snapshot."""
        return place / entry["snapshot"]

    @pytest.fixture
    def snapshot(self, folder: Path, entry: CatalogOf) -> Snapshot:
        """The snapshot. One that cannot be read is reported once."""
        try:
            return _read(folder, entry["cloud"])
        except CatalogError:
            pytest.skip("the snapshot cannot be read: see test_the_snapshot_can_be_read")

    def test_the_snapshot_can_be_read(self, folder: Path, entry: CatalogOf) -> None:
        """Its files are there and are what they are meant to be, of the cloud that the manifest names."""
        try:
            problem = "" if _read(folder, entry["cloud"]).prices else f"{folder} has no price"
        except CatalogError as error:
            problem = f"{error} ({error.file}, line {error.line})"
        expect(
            not problem,
            did=problem,
            contract="a snapshot is snapshot.toml, types.csv and prices.csv in the form that docs/catalog.md describes",
            change="write it with styx.catalog.entries.to_snapshot and styx.catalog.snapshot.write",
        )

    def test_no_row_is_left_out(self, snapshot: Snapshot) -> None:
        """Each names a type and a source that exist, each zone has one price, and prices are above 0."""
        expect(
            not snapshot.skipped,
            did=f"{len(snapshot.skipped)} rows make no sense: {_reasons(snapshot)}",
            contract="each row names a type and a source that exist, and no other has its zones; prices are above 0",
            change="mend the rows, or leave out what is not known: an empty price is better than a wrong one",
        )

    def test_files_are_as_styx_writes_them(self, snapshot: Snapshot, folder: Path, tmp_path: Path) -> None:
        """Rows are sorted and numbers have one form, so that what changes can be seen in a diff."""
        if snapshot.skipped:
            pytest.skip("rows are left out: see test_no_row_is_left_out")
        write(snapshot, tmp_path)
        other = [file for file in FILES if _content(folder / file) != _content(tmp_path / file)]
        expect(
            not other,
            did=f"{', '.join(other)} would be another once Styx has read and written it",
            contract="rows are sorted, numbers are written in one way, lines end with a line feed",
            change="write the snapshot with styx.catalog.snapshot.write",
        )

    def test_every_source_is_used(self, snapshot: Snapshot) -> None:
        """What nothing is taken from is no source."""
        used = {row.source for row in snapshot.types} | {row.source for row in snapshot.prices}
        unused = set(snapshot.sources) - used - {row.source for row in snapshot.transfer}
        expect(
            not unused or snapshot.skipped,
            did=f"no row names {', '.join(sorted(unused))}",
            contract="[sources.NAME] says where rows come from",
            change="remove it from snapshot.toml",
        )

    def test_no_day_is_in_the_future(self, snapshot: Snapshot) -> None:
        """Nobody knows tomorrow's prices."""
        days = {snapshot.as_of, *map(snapshot.dated, snapshot.prices)}
        days |= {source.as_of for source in snapshot.sources.values()}
        late = max(days)
        expect(
            late <= datetime.now(UTC).date(),
            did=f"something is of {late}",
            contract="as_of is the day on which a fact was so: it decides which of two snapshots counts",
            change="write the day on which the source was read",
        )

    def test_accelerators_have_one_spelling(self, snapshot: Snapshot) -> None:
        """Whoever asks for one finds all machines that have it."""
        names: dict[str, set[str]] = {}
        for row in snapshot.types:
            names.setdefault(re.sub(r"[\W_]", "", row.accelerator.casefold()), set()).add(row.accelerator)
        several = [sorted(same) for same in names.values() if len(same) > 1]
        expect(
            not several,
            did=f"{several} are the same but for case or punctuation",
            contract="an accelerator has one name, that which task files have for it",
            change="write all of them in one way",
        )

    def test_accelerators_of_one_name_have_one_memory(self, snapshot: Snapshot) -> None:
        """Whoever asks for one knows what fits into it."""
        memory: dict[str, set[int]] = {}
        for row in snapshot.types:
            memory.setdefault(row.accelerator.casefold(), set()).add(row.accelerator_memory_gib)
        several = {name: sorted(sizes) for name, sizes in memory.items() if len(sizes) > 1}
        expect(
            not several,
            did=f"there are several sizes in GiB: {several}",
            contract="two accelerators with different memory have different names",
            change="add the memory of the larger one to its name, as in A100-80GB",
        )

    def test_spot_costs_no_more_than_on_demand(self, snapshot: Snapshot) -> None:
        """Figures of different months may not agree."""
        if self.spot_may_cost_more:
            pytest.skip("the provider lets spot cost more")
        dearer = [row for row in snapshot.prices if row.spot and row.hourly and row.spot > row.hourly + ROUNDING]
        first = "; ".join(
            f"{row.instance_type} in {row.region}: {dollars(row.spot)}, on demand {dollars(row.hourly)}"
            for row in dearer[:SHOWN]
        )
        expect(
            not dearer,
            did=f"{len(dearer)} prices as spot are above those on demand: {first}",
            contract="spot costs no more than on demand",
            change="leave out the older of the two; or set `spot_may_cost_more`",
        )

    def test_accelerators_have_prices(self, snapshot: Snapshot) -> None:
        """Those that are sold can be found by what they cost, and it is known what fits into each."""
        known = {row.instance_type for row in snapshot.prices if row.hourly or row.spot}
        priced = {
            row.accelerator for row in snapshot.types if row.accelerator_memory_gib and row.instance_type in known
        }
        missing = sorted(set(self.accelerators) - priced)
        expect(
            not missing,
            did=f"no type with {', '.join(missing)} has a price anywhere, or nothing is said of its memory",
            contract="an accelerator that is sold has its memory and, somewhere, a price",
            change="find a source of its price; or leave it out of `accelerators`",
        )

    def test_prices_agree_with_those_elsewhere(self, snapshot: Snapshot) -> None:
        """Two sources are seldom wrong in the same way."""
        told: dict[tuple[str, str], set[int | None]] = {}
        for row in snapshot.prices:
            told.setdefault((row.instance_type, row.region), set()).add(row.hourly)
        other = []
        for name, region, price in map(str.split, self.prices_elsewhere.strip().splitlines()):
            ours = told.get((name, region), set())
            if not ours or any(not each or abs(each / 1e9 / float(price) - 1) > self.agreement for each in ours):
                shown = " or ".join(sorted(dollars(each) or "nothing" for each in ours)) or "nothing"
                other.append(f"{name} in {region}: {shown}, elsewhere {price}")
        expect(
            not other,
            did="; ".join(other),
            contract=f"prices are those that others say too, up to {self.agreement:.1%}",
            change="see which of the two is right; or set `agreement`",
        )

    def test_files_are_small(self, folder: Path) -> None:
        """The package is fetched by everybody who installs it."""
        sizes = {path.name: path.stat().st_size for path in map(folder.joinpath, FILES) if path.exists()}
        large = {name: size for name, size in sizes.items() if size > self.largest_file}
        expect(
            not large,
            did=f"bytes: {large}",
            contract=f"no file of a snapshot has more than {self.largest_file:,} bytes",
            change="write zones with the same price in one row; or set `largest_file`",
        )

    def test_importing_the_package_brings_no_sdk(self, package: str) -> None:
        """A provider's library takes its time, and may be missing where nobody asks the provider."""
        command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{_IMPORTS}", package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        expect(
            done.returncode == 0 and not done.stdout.strip(),
            did=f"importing its modules brought {done.stdout.strip() or done.stderr.strip()[-300:]}",
            contract="importing a module of a plugin imports nothing but core, pydantic and the standard library",
            change="import the provider's library in the functions that use it",
        )

    def test_the_refresher_is_one(self, package: str, entry: CatalogOf) -> None:
        """What the manifest names is there and can be made by core."""
        if not entry["refresher"]:
            pytest.skip("nothing renews this catalog")
        try:
            made = load_target(package, entry["refresher"])
            problem = "" if isinstance(made, type) and issubclass(made, Refresher) else f"is {made!r}"
        except PluginError as error:
            problem = f"cannot be loaded: {error}"
        expect(
            not problem,
            did=f"{entry['refresher']} {problem}",
            contract="`refresher` names a subclass of styx.api.Refresher, as module:Class",
            change="derive the class from styx.api.Refresher, and write its name into the manifest",
        )

    def test_settings_are_checked(self, package: str, entry: CatalogOf) -> None:
        """A refresher is handed a checked object, and nobody's misspelt setting is passed over."""
        if not entry["config"]:
            pytest.skip("the manifest names no model of settings")
        try:
            problem = "" if load_model(package, entry["config"]).model_config.get("extra") == "forbid" else "takes any"
        except PluginError as error:
            problem = f"is none: {error}"
        expect(
            not problem,
            did=f"the model {entry['config']} {problem}",
            contract="`config` names a pydantic model of the settings section of the cloud, which forbids other keys",
            change='derive it from pydantic.BaseModel, with model_config = ConfigDict(extra="forbid")',
        )

    def test_what_is_found_makes_sense(self, asked: Refresher, entry: CatalogOf) -> None:
        """Nothing that a refresher finds is left out of the snapshot that is made of it."""
        found = list(asked.entries(lambda _: None))
        named = {name: Source("any", "anybody", asked.today) for name in _sources_of(found)}
        made = to_snapshot(entry["cloud"], asked.today, named, found)
        expect(
            made.prices and not made.skipped,
            did=f"of {len(found)} entries {len(made.skipped)} make no sense: {_reasons(made)}",
            contract="entries have a name, vCPUs, memory and a place, and prices above 0 where there are any",
            change="leave out what is not known, or the whole entry",
        )

    def test_what_is_found_has_a_source_of_that_day(self, asked: Refresher) -> None:
        """Prices are worth as much as what is known of where they come from."""
        named, sources = _sources_of(asked.entries(lambda _: None)), asked.sources()
        expect(
            named == set(sources) and {source.as_of for source in sources.values()} == {asked.today},
            did=f"entries name {sorted(named)}, and on {asked.today} sources() has {sources}",
            contract="sources() has the sources that entries name, of the day on which they were asked",
            change="take the day from self.today",
        )


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which :func:`styx.api.patiently` would have waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("styx.api.catalog.sleep", waited.append)
    return waited


@cache
def _read(folder: Path, cloud: str) -> Snapshot:
    return read(folder, cloud)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _reasons(snapshot: Snapshot) -> str:
    return "; ".join(f"{each.file}, line {each.line}: {each.reason}" for each in snapshot.skipped[:SHOWN])


def _sources_of(entries: Iterable[CatalogEntry]) -> set[str]:
    return {name for entry in entries for name in (entry.source, entry.type_source or entry.source)}
