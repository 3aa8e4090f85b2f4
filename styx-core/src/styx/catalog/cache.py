"""The compiled file of a catalog: found at once when nothing has changed, made when it has, and left to others to use.

It lies in the cache directory and is named by the hash of the snapshot, so it is never changed, only replaced. A memo
beside it holds what the snapshot's files looked like (size and times), because reading megabytes to hash them at each
start would cost more than the question. Whoever compiles holds a lock, which dies with its process; what such a process
leaves behind the next one removes. Where the cache cannot be written the tables live in memory.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from styx import __version__
from styx.catalog.files import FILES
from styx.catalog.lock import locked
from styx.plugins import paths

if TYPE_CHECKING:
    from styx.catalog.rows import Snapshot

SCHEMA = 1  # part of the name of the file: raise it with every change of the tables, and of what rows are left out
PATIENCE = 30.0  # seconds that another process may take to compile, before this one does so in memory

Choose = Callable[[], str]  # the folder of the snapshot that counts
Read = Callable[[str], "Snapshot"]  # the snapshot in a folder


class Opened(NamedTuple):
    """Where the tables are, as a URI for sqlite3. ``known`` is for what is made of their rows, and right for no others.

    Tables in memory have no path, and last as long as ``keeper`` is open.
    """

    uri: str
    path: str
    known: dict[object, Any]
    keeper: sqlite3.Connection | None = None


def find(cloud: str, folders: Sequence[str], choose: Choose, read: Read) -> Opened:
    """The compiled catalog of a cloud. ``folders`` are those that ``choose`` picks one of, given what is in them now.

    Raises what ``choose`` and ``read`` raise.
    """
    place = _Place(cloud, folders)
    path = place.remembered()
    if path is None:
        try:
            with locked(place.file("lock"), PATIENCE) as alone:
                path = place.remembered() or place.make(choose(), read, alone=alone)
        except (OSError, sqlite3.OperationalError):  # a read-only or full disk; the lock of one that hangs
            return _in_memory(cloud, choose(), read)
    return Opened(_uri(path, "mode=ro&immutable=1"), path, {})


class _Place:
    """The files of one cloud in the cache directory, for one place where its snapshot may be."""

    def __init__(self, cloud: str, folders: Sequence[str]) -> None:
        self._directory = paths.cache_dir()
        self._cloud = cloud
        self._key = [SCHEMA, __version__, [[folder, *_stamp(folder)] for folder in folders]]
        self._memo = self.file(f"{crc32(os.fsencode(folders[-1])):08x}.json")

    def file(self, name: str) -> str:
        return os.path.join(self._directory, f"catalog-{self._cloud}-{name}")

    def remembered(self) -> str | None:
        """The file that was compiled from what is there now, if it still is."""
        try:
            with open(self._memo, encoding="utf-8") as file:
                memo = json.load(file)
            if memo["key"] != self._key:
                return None
            path = self.file(memo["hash"] + ".sqlite")
            return path if os.path.exists(path) else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def make(self, folder: str, read: Read, *, alone: bool) -> str:
        """Compile if need be, remember it, and remove what nobody needs; ``alone`` if the lock is held."""
        if alone:
            self._sweep(".tmp")
        name = digest(folder)
        path = self.file(f"{name}.sqlite")
        if not os.path.exists(path):
            name, snapshot = _read(folder, read)
            path = self.file(f"{name}.sqlite")
            _write(path, snapshot)
        paths.write_atomically(self._memo, json.dumps({"key": self._key, "hash": name}))
        self._sweep(".sqlite", keep=self._wanted())
        return path

    def _wanted(self) -> set[str]:
        """The compiled files that a memo of this cloud names: other installations have their own snapshots."""
        wanted = set()
        for path in self._mine(".json"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                with open(path, encoding="utf-8") as file:
                    memo = json.load(file)
                if any(os.path.isdir(folder) for folder, *_ in memo["key"][2]):
                    wanted.add(self.file(memo["hash"] + ".sqlite"))
                else:
                    os.unlink(path)
        return wanted

    def _sweep(self, ending: str, keep: set[str] | frozenset[str] = frozenset()) -> None:
        for path in self._mine(ending):
            if path not in keep:
                with suppress(OSError):
                    os.unlink(path)

    def _mine(self, ending: str) -> Iterator[str]:
        start = self.file("")
        for name in os.listdir(self._directory):
            path = os.path.join(self._directory, name)
            if path.startswith(start) and path.endswith(ending) and "-" not in path[len(start) :]:
                yield path


def digest(folder: str) -> str:
    """The hash of a snapshot's files, and of the version of the tables."""
    from hashlib import sha256

    found = sha256(f"{SCHEMA} {__version__}".encode())
    for name in FILES:
        try:
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
        except OSError:  # what is missing is told by who reads it
            continue
        found.update(f"\0{name} {len(data)}\0".encode())
        found.update(data)
    return found.hexdigest()[:24]


def _read(folder: str, read: Read) -> tuple[str, Snapshot]:
    """A snapshot with the hash of just that, although somebody may be writing there."""
    while True:
        before = digest(folder)
        snapshot = read(folder)
        if digest(folder) == before:
            return before, snapshot


def _write(path: str, snapshot: Snapshot) -> None:
    from styx.catalog.compile import fill
    from styx.replacing import replacing

    draft = f"{path}.{os.getpid()}.tmp"
    with replacing(path, draft):
        with closing(sqlite3.connect(draft)) as database:
            database.execute("PRAGMA journal_mode=OFF")
            database.execute("PRAGMA synchronous=OFF")
            fill(database, snapshot)
        with open(draft, "rb") as file:
            os.fsync(file.fileno())


def _in_memory(cloud: str, folder: str, read: Read) -> Opened:
    from styx.catalog.compile import fill

    name, snapshot = _read(folder, read)
    uri = f"file:styx-catalog-{cloud}-{name}-{time.monotonic_ns()}?mode=memory&cache=shared"
    keeper = sqlite3.connect(uri, uri=True, check_same_thread=False)
    fill(keeper, snapshot)
    return Opened(uri, "", {}, keeper)


def _uri(path: str, how: str) -> str:
    return f"file:{path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?{how}"


def _stamp(folder: str) -> list[list[int]]:
    """Size and times of each file; zeros for one that is not there.

    The time of the last change of the inode is part of it because container images clamp modification times.
    """
    stamp = []
    for name in FILES:
        try:
            found = os.stat(os.path.join(folder, name))
        except OSError:
            stamp.append([0, 0, 0])
        else:
            stamp.append([found.st_size, found.st_mtime_ns, found.st_ctime_ns])
    return stamp
