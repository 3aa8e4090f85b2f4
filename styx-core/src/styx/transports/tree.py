"""A file or directory of this machine as a stream of tar, made as it is sent."""

from __future__ import annotations

import asyncio
import os
import stat
import tarfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from styx.api import InvalidTask
from styx.transports.ignore import Ignore

_PIECE = 1 << 18  # bytes: large enough that handing a piece to the event loop costs nothing beside filling it
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to copy: where it is, and its path at the other end."""

    source: str
    path: str
    mode: int
    size: int
    mtime: int
    link: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def fingerprint(self) -> tuple[str, int, int, int]:
        """What is taken to change whenever the file does."""
        return self.path, stat.S_IMODE(self.mode), self.size, self.mtime


def entries(root: Path, *, ignore: bool) -> list[Entry]:
    """Everything below a directory, each directory before what is in it. Sockets, pipes and devices are left out.

    With ``ignore`` the directory's ignore files are obeyed. Links are entries themselves and never followed. Raises
    InvalidTask, naming what cannot be read.
    """
    rules = Ignore(root) if ignore else None
    found: list[Entry] = []
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        if rules is not None and directory:
            rules.enter(directory)
        for entry in _list(root, directory):
            if rules is None or not rules.matches(entry.path, directory=stat.S_ISDIR(entry.mode)):
                found.append(entry)
                if stat.S_ISDIR(entry.mode):
                    waiting.append(entry.path)
    return found


def single(source: Path, name: str) -> Entry:
    """One file, to be called ``name`` at the other end; a link is followed. Raises InvalidTask."""
    try:
        info = source.stat()
    except OSError as error:
        raise unreadable(source, error) from error
    if not stat.S_ISREG(info.st_mode):
        raise InvalidTask(f"{source} is neither a file nor a directory", file=str(source))
    return Entry(str(source.resolve()), name, info.st_mode, info.st_size, int(info.st_mtime))


async def archive(found: Collection[Entry]) -> AsyncIterator[bytes]:
    """The entries as a tar archive in pieces; read in a thread. Raises InvalidTask for a file that cannot be read."""
    gathered = pieces(found)
    while piece := await asyncio.to_thread(next, gathered, b""):
        yield piece


def unreadable(path: Path | str, error: OSError) -> InvalidTask:
    """The error for a file of the task that cannot be read."""
    return InvalidTask(
        f"cannot read {path}: {error.strerror}", file=str(path),
        hint="Make it readable, or list it in .styxignore if the task does not need it.",
    )  # fmt: skip


def _list(root: Path, directory: str) -> list[Entry]:
    path = root / directory
    listed: list[Entry] = []
    try:
        with os.scandir(path) as scan:
            children = sorted(scan, key=lambda child: child.name)
    except FileNotFoundError:
        if directory:
            return listed  # removed while we looked
        raise InvalidTask(f"{root} does not exist", file=str(root)) from None
    except OSError as error:
        raise unreadable(path, error) from error
    for child in children:
        try:
            info = child.stat(follow_symlinks=False)
            link = os.readlink(child.path) if stat.S_ISLNK(info.st_mode) else None  # noqa: PTH115 - as it is written
        except FileNotFoundError:
            continue
        if stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode) or link is not None:
            below = f"{directory}/{child.name}" if directory else child.name
            size = info.st_size if stat.S_ISREG(info.st_mode) else 0
            listed.append(Entry(child.path, below, info.st_mode, size, int(info.st_mtime), link))
    return listed


def pieces(found: Collection[Entry]) -> Iterator[bytes]:
    """The same, read as they are asked for: pieces of about equal size, and the same bytes for the same files."""
    buffer = bytearray()
    for part in _parts(found):
        buffer += part
        if len(buffer) >= _PIECE:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


def _parts(found: Collection[Entry]) -> Iterator[bytes]:
    for entry in found:
        if not entry.is_file:
            yield _header(entry, 0)
            continue
        try:
            # Not blocking, not following: it may have become a pipe or a link since it was listed.
            descriptor = os.open(entry.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise unreadable(entry.source, error) from error
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            size = os.fstat(descriptor).st_size
            yield _header(entry, size)
            yield from _contents(entry, file.read, size)
    yield bytes(2 * _BLOCK)


def _contents(entry: Entry, read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    """Exactly ``size`` bytes, and padding: a file that grows is cut, one that shrinks is filled up."""
    left = size
    while left:
        try:
            data = read(min(left, _PIECE))
        except OSError as error:
            raise unreadable(entry.source, error) from error
        data = data or bytes(min(left, _PIECE))
        left -= len(data)
        yield data
    yield bytes(-size % _BLOCK)


def _header(entry: Entry, size: int) -> bytes:
    info = tarfile.TarInfo(f"./{entry.path}")
    info.mode, info.mtime, info.size = stat.S_IMODE(entry.mode), max(0, entry.mtime), size
    if entry.link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
    elif not entry.is_file:
        info.type = tarfile.DIRTYPE
    # GNU's form of the archive keeps any bytes in names, and every tar there is reads it.
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
