"""The compiled file: made once, by whoever comes first, kept apart from what changed, and never in anybody's way."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from styx.api import CatalogError, OfferQuery
from styx.catalog import cache
from styx.catalog.lock import locked
from styx.catalog.query import Catalog
from support.catalogs import database, entry, write_catalog


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalog that sells t1."""
    return write_catalog(tmp_path / "acme", [entry("t1", "1")])


def sold(*folders: Path) -> list[str]:
    """The types that a process would find, which starts now; the first of the folders counts."""
    opened = database(*folders)
    try:
        return [offer.instance_type for offer in Catalog(opened).offers(OfferQuery())]
    finally:
        opened.close()


def compiled(home: Path) -> list[Path]:
    """The compiled files."""
    return sorted((home / "cache").glob("catalog-acme-*.sqlite"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the folders that were read as text."""
    seen: list[str] = []
    read = cache._read
    monkeypatch.setattr(cache, "_read", lambda folder, how: (seen.append(Path(folder).name), read(folder, how))[1])
    return seen


def test_a_snapshot_is_read_once(folder: Path, styx_home: Path, reads: list[str]) -> None:
    """What has not changed since is not even hashed again."""
    assert sold(folder) == sold(folder) == ["t1"]
    assert reads == ["acme"]
    assert len(compiled(styx_home)) == 1


def test_a_change_is_noticed(folder: Path, styx_home: Path) -> None:
    """Whatever tool made it: of the same size and with the old times, too."""
    assert sold(folder) == ["t1"]
    path = folder / "types.csv"
    before = path.stat()
    for name in ("types.csv", "prices.csv"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("t1", "t2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert sold(folder) == ["t2"]
    assert len(compiled(styx_home)) == 1, "the old one is of no use to anybody"


def test_the_same_content_elsewhere_is_compiled_once(
    folder: Path, tmp_path: Path, styx_home: Path, reads: list[str]
) -> None:
    """The file is named by what is in the snapshot, not by where that lies."""
    other = write_catalog(tmp_path / "copy", [entry("t1", "1")])
    assert sold(folder) == sold(other) == ["t1"]
    assert reads == ["acme"]


def test_installations_do_not_take_each_others_files(folder: Path, tmp_path: Path, styx_home: Path) -> None:
    """Two versions of a package that share a home keep a file each; that of one which is gone goes."""
    other = write_catalog(tmp_path / "newer", [entry("t2", "1")])
    assert (sold(folder), sold(other)) == (["t1"], ["t2"])
    assert len(compiled(styx_home)) == 2
    for path in other.iterdir():
        path.unlink()
    other.rmdir()
    write_catalog(folder, [entry("t3", "1")])
    assert sold(folder) == ["t3"]
    assert len(compiled(styx_home)) == 1


@pytest.mark.parametrize("damage", ["torn", "empty", "gone", "memo"])
def test_a_damaged_file_is_made_again(folder: Path, styx_home: Path, damage: str) -> None:
    """A cache can be removed, cut off or filled with anything at any time."""
    sold(folder)
    (path,) = compiled(styx_home)
    if damage == "gone":
        path.unlink()
    elif damage == "memo":
        (memo,) = (styx_home / "cache").glob("catalog-acme-*.json")
        memo.write_text('{"key": 3')
    else:
        path.write_bytes(path.read_bytes()[:5000] if damage == "torn" else b"")
    assert sold(folder) == ["t1"]


def test_a_file_with_a_damaged_spot_is_made_again(folder: Path, styx_home: Path) -> None:
    """Also where it is still a database: a name in it that is no text any more, or a price of nothing that is there."""
    wanted = sold(folder)
    (path,) = compiled(styx_home)
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as tables:
        tables.execute("UPDATE prices SET type = 77")
        tables.commit()
    for spoilt in (whole.replace(b"place INTEGER, hourly", b"pl\xf9ce INTEGER, hourly"), path.read_bytes()):
        assert spoilt != whole
        path.write_bytes(spoilt)
        assert sold(folder) == wanted
        assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path, styx_home: Path) -> None:
    """The tables then live in memory, for all threads of this process."""
    styx_home.mkdir()
    (styx_home / "cache").write_text("in the way")
    opened = database(folder)
    catalog = Catalog(opened)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.extend(o.instance_type for o in catalog.offers(OfferQuery())))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opened.close()
    assert found == ["t1"] * 4


def test_one_that_hangs_while_compiling_is_not_waited_for(
    folder: Path, styx_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After PATIENCE the others help themselves, and leave its files alone."""
    monkeypatch.setattr(cache, "PATIENCE", 0)
    with locked(str(styx_home / "cache" / "catalog-acme-lock"), 0):
        assert sold(folder) == ["t1"]
    assert not compiled(styx_home)


def test_a_file_system_without_locks_will_do(folder: Path, styx_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each compiles for itself, and the last one's file stays; what others are writing is left alone."""

    def refuse(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    (styx_home / "cache").mkdir(parents=True)
    theirs = styx_home / "cache" / "catalog-acme-0123.sqlite.77.tmp"
    theirs.touch()
    assert sold(folder) == ["t1"]
    assert len(compiled(styx_home)) == 1
    assert theirs.exists()


def test_a_corrupt_snapshot_is_told_each_time(folder: Path, styx_home: Path) -> None:
    """Nothing of it is remembered, so mending it is all there is to do."""
    text = (folder / "prices.csv").read_text()
    (folder / "prices.csv").write_text("nonsense\n")
    for _ in range(2):
        with pytest.raises(CatalogError, match="its first line is 'nonsense'"):
            sold(folder)
    (folder / "prices.csv").write_text(text)
    assert sold(folder) == ["t1"]


KILLED = """
import os, signal, sys
from styx.catalog import cache, compile
from styx.catalog.database import Database
from styx.catalog.snapshot import read
from pathlib import Path
def die(database, snapshot):
    compile.fill_(database, snapshot)
    database.commit()
    os.kill(os.getpid(), signal.SIGKILL)
compile.fill_, compile.fill = compile.fill, die
Database("acme", [sys.argv[1]], lambda: sys.argv[1], lambda folder: read(Path(folder))).ask("SELECT 1")
"""


def test_one_killed_while_compiling_leaves_nothing_in_the_way(folder: Path, styx_home: Path) -> None:
    """Its lock dies with it, what it had written is removed, and nobody takes that for a catalog."""
    ended = subprocess.run([sys.executable, "-c", dedent(KILLED), str(folder)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list((styx_home / "cache").glob("*.tmp"))
    assert not compiled(styx_home)
    assert sold(folder) == ["t1"]
    assert not list((styx_home / "cache").glob("*.tmp"))


RACER = """
import sys
from pathlib import Path
from styx.api import OfferQuery
from styx.catalog.database import Database
from styx.catalog.query import Catalog
from styx.catalog.snapshot import read
opened = Database("acme", [sys.argv[1]], lambda: sys.argv[1], lambda folder: read(Path(folder)))
print(*(offer.instance_type for offer in Catalog(opened).offers(OfferQuery())))
"""


def test_those_who_come_at_one_time_find_one_file(folder: Path, styx_home: Path) -> None:
    """Several processes that start on an empty cache all get the answer."""
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [racer.communicate()[0] for racer in racers] == ["t1\n"] * 4
    (path,) = compiled(styx_home)
    tables = sqlite3.connect(path)
    assert tables.execute("SELECT name FROM types").fetchall() == [("t1",)]
    tables.close()
