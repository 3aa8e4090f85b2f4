"""Files below one directory, reached step by step without following links: nothing outside of it can be.

Other programs and other users write below a shared root, so a path that was checked a moment ago proves nothing. Every
step is opened relative to the one before, and a link is refused by the system itself. All raise OSError.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from styx.api import StoredObject

DRAFTS = "drafts"
_STALE = 86400.0  # seconds after which a draft was surely left by a writer that was killed
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def opened(
    root: Path, parts: Sequence[str] = (), *, create: bool = False, made: Callable[[], None] = lambda: None
) -> Iterator[int]:
    """A descriptor of the directory ``parts`` below ``root``, which are made on the way if ``create`` says so.

    ``made`` is called after each that was, and may raise.
    """
    descriptor = os.open(root, _DIRECTORY)
    try:
        for part in parts:
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
                    made()
            descriptor, parent = os.open(part, _DIRECTORY, dir_fd=descriptor), descriptor
            os.close(parent)
        yield descriptor
    finally:
        os.close(descriptor)


def read(root: Path, parts: Sequence[str]) -> BinaryIO:
    """An ordinary file, opened for reading."""
    with opened(root, parts[:-1]) as directory:
        # A pipe in a file's place would be waited for without O_NONBLOCK.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(parts[-1], flags, dir_fd=directory)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise FileNotFoundError(2, os.strerror(2), "/".join(parts))
    return file


def replace(root: Path, parts: Sequence[str], source: BinaryIO, private: str) -> int:
    """Put the contents of ``source`` in the file's place at once, once they are on the disk; how many bytes it has."""
    with opened(root, (private, DRAFTS), create=True) as drafts, opened(root, parts[:-1], create=True) as directory:
        name = secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(name, flags, 0o666, dir_fd=drafts), "wb") as draft:
                shutil.copyfileobj(source, draft, 1 << 20)
                draft.flush()
                os.fsync(draft.fileno())
                written = os.fstat(draft.fileno())
            os.rename(name, parts[-1], src_dir_fd=drafts, dst_dir_fd=directory)
        finally:
            with contextlib.suppress(FileNotFoundError):  # it has gone once it has taken the place
                os.unlink(name, dir_fd=drafts)
        _sweep(drafts, written.st_mtime)
        return written.st_size


def remove(root: Path, parts: Sequence[str]) -> None:
    """Remove a file or a link, and the directories that are empty then. Nothing there is success."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        with opened(root, parts[:-1]) as directory:
            if stat.S_ISDIR(os.stat(parts[-1], dir_fd=directory, follow_symlinks=False).st_mode):
                return  # no object
            os.unlink(parts[-1], dir_fd=directory)
        for length in range(len(parts) - 1, 0, -1):
            with opened(root, parts[: length - 1]) as above:
                try:
                    os.rmdir(parts[length - 1], dir_fd=above)
                except OSError:  # not empty, or not ours to remove
                    return


def look(root: Path, parts: Sequence[str]) -> StoredObject | None:
    """The object that this file is; None when it is none, or not there."""
    try:
        with opened(root, parts[:-1]) as directory:
            found = os.stat(parts[-1], dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _object("/".join(parts), found)


def walk(root: Path, parts: Sequence[str], after: str = "") -> Iterator[StoredObject]:
    """The objects below a directory by key, those after that one. Links, pipes and names that are not text are none."""
    try:
        with opened(root, parts) as directory:
            yield from _walk(directory, "".join(f"{part}/" for part in parts), after)
    except (FileNotFoundError, NotADirectoryError):
        return


def _walk(directory: int, prefix: str, after: str) -> Iterator[StoredObject]:
    with os.scandir(directory) as entries:
        there = (entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in entries)
        names = sorted(name for name in there if prefix + name > after or _holds(prefix + name, after))
    for name in (name.removesuffix("/") for name in names):
        with contextlib.suppress(FileNotFoundError, UnicodeEncodeError):  # it has just gone, or is no key
            name.encode()
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                child = os.open(name, _DIRECTORY, dir_fd=directory)
                try:
                    yield from _walk(child, f"{prefix}{name}/", after)
                finally:
                    os.close(child)
            elif thing := _object(f"{prefix}{name}", found):
                yield thing


def _holds(key: str, other: str) -> bool:
    """Whether the other key is of something below this directory."""
    return key.endswith("/") and other.startswith(key)


def _object(key: str, found: os.stat_result) -> StoredObject | None:
    if not stat.S_ISREG(found.st_mode):
        return None
    return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _sweep(drafts: int, now: float) -> None:
    with os.scandir(drafts) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            if now - os.stat(name, dir_fd=drafts, follow_symlinks=False).st_mtime > _STALE:
                os.unlink(name, dir_fd=drafts)
