"""Files being written, under a hidden name beside their own, which they get at once when they are whole.

A large one keeps what has arrived, for whoever is killed and comes again::

    the content, with holes | a byte for each part, 1 once it is there | what it is a draft of

A small one is written anew.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from styx.api import Transient
from styx_aws.s3.parts import Part

SUFFIX = ".styx-part"


class Draft:
    """The draft of ``path``, held by one process at a time. Methods raise OSError as the system does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{SUFFIX}")
        self.size = self._parts = 0
        self.descriptor = os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        if not self._held():
            self.close()
            raise Transient(f"{path} is being downloaded by another process at this moment")

    def write(self, content: bytes) -> None:
        """All of a small file."""
        os.ftruncate(self.descriptor, 0)
        self._write(content, 0)

    def take_up(self, size: int, parts: int, what: str) -> set[int]:
        """Make it a large one; the numbers of the parts that are there, if it was left by a download of the same."""
        self.size, self._parts = size, parts
        about = what.encode()
        if os.fstat(self.descriptor).st_size == size + parts + len(about):
            left = os.pread(self.descriptor, parts + len(about), size)
            if left[parts:] == about:
                return {number for number, arrived in enumerate(left[:parts], 1) if arrived}
        os.ftruncate(self.descriptor, 0)
        room = os.fstatvfs(self.descriptor)
        if room.f_bavail * room.f_frsize < size:  # to be noticed now, and not in an hour
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._write(about, size + parts)
        return set()

    def fill(self, content: bytes, offset: int) -> None:
        """Some bytes of a part."""
        self._write(content, offset)

    def arrived(self, part: Part) -> None:
        """The part is there, and need not be asked for again."""
        os.pwrite(self.descriptor, b"\1", self.size + part.number - 1)

    def finish(self, modified: float) -> None:
        """Let it take its place, as of a time of day in seconds."""
        if self._parts:
            os.ftruncate(self.descriptor, self.size)
        os.utime(self.descriptor, (modified, modified))
        os.replace(self._name, self._path)  # noqa: PTH105 - there are many
        self.close()

    def discard(self) -> None:
        """Remove it."""
        if self.descriptor >= 0:
            with suppress(FileNotFoundError):
                self._name.unlink()
            self.close()

    def close(self) -> None:
        """Let go of it, and leave it for a later process. Idempotent."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _held(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have given it its name as we opened it.
            return os.fstat(self.descriptor).st_ino == self._name.stat().st_ino
        except (BlockingIOError, FileNotFoundError):
            return False

    def _write(self, content: bytes, offset: int) -> None:
        view = memoryview(content)
        while view:
            written = os.pwrite(self.descriptor, view, offset)
            view, offset = view[written:], offset + written
