"""Damage and obstacles: a clear error, and nothing changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from styx.api.errors import StoreError
from styx.store import Store
from styx.store.peek import DATABASE_NAME
from support import disks
from support.records import cluster


def digest(path: Path) -> str:
    """What tells a file from a changed one."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0" + b"\xff" * 5000, os.urandom(4096)])
def test_a_damaged_file_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """A file that is no database is named with a way out, and no byte of it changes."""
    file = tmp_path / DATABASE_NAME
    file.write_bytes(content)
    with pytest.raises(StoreError, match=r"state\.db") as refused:
        Store.open(home=tmp_path)
    assert ".damaged" in (refused.value.hint or "")
    assert file.read_bytes() == content


def test_a_page_that_rotted_is_reported(tmp_path: Path) -> None:
    """Damage in the middle of a good database is an error when it is met, not a crash."""
    with Store.open(home=tmp_path) as store:
        for number in range(300):
            store.clusters.create(cluster(f"c{number}", resources="x" * 200))
    file = tmp_path / DATABASE_NAME
    content = bytearray(file.read_bytes())
    for page in range(8, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(bytes(content))
    with pytest.raises(StoreError, match="not a readable Styx database"), Store.open(home=tmp_path) as store:
        store.clusters.list()


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    """A database with somebody else's tables is refused, and its file stays the same to the byte."""
    file = tmp_path / DATABASE_NAME
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE songs (title)")
        connection.execute("INSERT INTO songs VALUES ('Styx')")
    connection.close()
    before = digest(file)
    with pytest.raises(StoreError, match="'songs' that is not ours"):
        Store.open(home=tmp_path)
    assert digest(file) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [DATABASE_NAME]


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    """A file of no bytes, as an interrupted copy leaves it, is filled."""
    (tmp_path / DATABASE_NAME).touch()
    with Store.open(home=tmp_path) as store:
        store.clusters.create(cluster("c"))
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    """Home and database are made for the user alone, and no draft is left beside them."""
    home = tmp_path / "home"
    with Store.open(home=home):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / DATABASE_NAME).stat().st_mode) == 0o600
        assert stat.S_IMODE((home / "state.id").stat().st_mode) == 0o600
    assert sorted(path.name for path in home.iterdir()) == [DATABASE_NAME, "state.id"]


def as_nobody(home: Path, code: str) -> str:
    """What a process without root's rights answers; root would be let write anywhere."""
    done = subprocess.run(
        [sys.executable, "-c", _DROP_RIGHTS + code, str(home)], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# The rights go once everything is imported: the interpreter may lie where only root can read it.
_DROP_RIGHTS = """
import os, sys, tempfile
from pathlib import Path
from styx.store import Store
with tempfile.TemporaryDirectory() as scratch:
    Store.open(home=Path(scratch)).close()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""
SAY = """
from styx.api import StoreError
try:
    with Store.open(home=Path(sys.argv[1])) as store:
        print(len(store.clusters.list()))
except StoreError as error:
    print(error.message, "|", error.hint)
"""


@pytest.fixture
def shared_home() -> Iterator[Path]:
    """A directory that another user can reach, which pytest's own cannot."""
    home = Path(tempfile.mkdtemp(prefix="styx-home-"))
    home.chmod(0o755)
    yield home
    home.chmod(0o755)
    shutil.rmtree(home)


def test_a_read_only_home(shared_home: Path) -> None:
    """A home that cannot be written is said so, with what to do; nothing is made in it."""
    shared_home.chmod(0o555)
    said = as_nobody(shared_home, SAY)
    assert "cannot write" in said
    assert "STYX_HOME" in said
    assert list(shared_home.iterdir()) == []


def test_a_database_of_another_user(shared_home: Path) -> None:
    """A database that may not be opened is an error about rights, not about damage."""
    Store.open(home=shared_home).close()
    if os.geteuid() != 0:
        (shared_home / DATABASE_NAME).chmod(0)
    said = as_nobody(shared_home, SAY)
    assert "cannot write" in said
    assert "damaged" not in said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB: four times what a new database takes."""
    with disks.small_disk(tmp_path / "disk", "size=1m") as place:
        yield place


def test_a_full_disk_changes_nothing(small_disk: Path) -> None:
    """When the disk fills, the write that did not fit is refused whole and all before it is there, also afterwards."""
    with Store.open(home=small_disk) as store:
        refusal, written = None, 0
        while refusal is None:
            try:
                store.clusters.create(cluster(f"c{written}", resources="x" * 4000))
                written += 1
            except StoreError as error:
                refusal = error
        assert "full" in refusal.message or "could not be read or written" in refusal.message
        assert refusal.hint
        assert 5 < written < 1000
        assert len(store.clusters.list()) == written
    with sqlite3.connect(small_disk / DATABASE_NAME) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_disk_that_is_full_from_the_start(small_disk: Path) -> None:
    """A database that cannot be made is an error, and no half of one stays."""
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:  # until there is no space left
            file.write(b"x" * 4096)
    with pytest.raises(StoreError):
        Store.open(home=small_disk)
    filler.unlink()
    assert list(small_disk.iterdir()) == []
    Store.open(home=small_disk).close()


def test_a_writer_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that another program keeps is named as such."""
    monkeypatch.setattr("styx.store.database.LOCK_WAIT", 0.05)
    with Store.open(home=tmp_path) as store:
        other = sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="stayed locked by another process"):
            store.clusters.create(cluster("c"))
        assert store.clusters.list() == []
        other.execute("ROLLBACK")
        other.close()
        store.clusters.create(cluster("c"))


def test_passwords_are_never_shown(tmp_path: Path) -> None:
    """An unreachable server and a URL that makes no sense are reported without what must stay secret."""
    url = f"postgresql://me:hunter2@/db?host={tmp_path}&port=1"
    with pytest.raises(StoreError, match="cannot use the database") as refused:
        Store.open(url)
    error: BaseException | None = refused.value
    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"
    assert error is not None
    for wrong in ("mysql://me:hunter2@host/db", "postgresql://me:hunter2@host:port/db"):
        with pytest.raises(StoreError) as refused:
            Store.open(wrong)
        assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "oracle://x/y", "not a url"])
def test_unsuitable_urls(url: str) -> None:
    """Databases that other processes could not see, or that we do not know, are refused with an example."""
    with pytest.raises(StoreError) as refused:
        Store.open(url)
    assert "postgresql://" in (refused.value.hint or "")


def test_a_database_that_would_be_another_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path would lead to other records, and to no clusters, from every other directory."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="relative") as refused:
        Store.open("sqlite:///state.db")
    assert f"sqlite:///{tmp_path}/state.db" in (refused.value.hint or "")
    assert list(tmp_path.iterdir()) == []


def test_a_shared_postgresql_database(postgres_server: str) -> None:
    """Other applications' tables in the same database do not matter, as long as our names are free."""
    import psycopg

    from support.postgres import new_database

    shared, taken = new_database(postgres_server, "shared"), new_database(postgres_server, "taken")
    for url, table in ((shared, "songs"), (taken, "clusters")):
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(f"CREATE TABLE {table} (id integer)")
    with Store.open(shared) as store:
        store.clusters.create(cluster("c"))
    with pytest.raises(StoreError, match="'clusters' that is not ours"):
        Store.open(taken)
