"""Tar archives, gzipped or not, read once from front to end.

No more than a piece of one is ever in memory, whatever it says of itself, and all that is read of it counts: a small
archive may be long once it is unpacked, in its files as in the headers that describe them.
"""

from __future__ import annotations

import gzip
import re
import tarfile
from collections.abc import Callable, Iterator
from typing import IO

from styx.client.refusals import TooLarge

PIECE = 1 << 18  # bytes that are read at once
_BLOCK = tarfile.BLOCKSIZE
_LONGEST_HEADER = 1 << 20  # bytes that may describe one file
_GZIP = b"\x1f\x8b"
_EXTENDED = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
_WANTED = frozenset({"path", "linkpath", "size"})
_RECORD = re.compile(rb"([0-9]{1,7}) ([^=\n]+)=")  # of an extended header: "<bytes of all of it> <key>=<value>\n"
_CODEC = ("utf-8", "surrogateescape")  # names are any bytes


class Archive:
    """One archive. What is in it is read while it is iterated over; ``size`` tells the bytes so far, unpacked."""

    def __init__(self, file: IO[bytes], most: int, more: Callable[[int], None]) -> None:
        """Raises TooLarge, while it is read, once it is longer than ``most`` bytes; ``more`` is told of each piece."""
        zipped = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        self._file: IO[bytes] = gzip.GzipFile(fileobj=file) if zipped else file  # type: ignore[assignment]
        self._most = most
        self._more = more
        self._left = 0  # bytes of the present file that nobody has asked for
        self.size = 0

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Every file, directory, link and whatever else is in it. Raises TarError, EOFError, and what gzip raises."""
        said: dict[str, str] = {}
        while any(header := self._read(_BLOCK)):
            member = tarfile.TarInfo.frombuf(header, *_CODEC)
            if member.size < 0:
                raise tarfile.ReadError("a size is negative")
            if member.type in _EXTENDED:
                said |= _records(self._header(member))
            elif member.type == tarfile.GNUTYPE_LONGNAME:
                said["path"] = _text(self._header(member))
            elif member.type == tarfile.GNUTYPE_LONGLINK:
                said["linkpath"] = _text(self._header(member))
            elif member.type == tarfile.XGLTYPE:  # a comment on all of it
                self._pass(member.size + -member.size % _BLOCK)
            else:
                _describe(member, said)
                said = {}
                self._left = member.size if member.isreg() else 0
                padding = -self._left % _BLOCK
                yield member
                self._pass(self._left + padding)

    def contents(self) -> Iterator[bytes]:
        """What the present file holds, in pieces."""
        while self._left:
            piece = self._some(self._left)
            self._left -= len(piece)
            yield piece

    def _header(self, member: tarfile.TarInfo) -> bytes:
        if member.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"{member.size} bytes describe one file")
        found = self._read(member.size)
        if len(found) < member.size:
            raise EOFError("it ends too early")
        self._pass(-member.size % _BLOCK)
        return found

    def _pass(self, count: int) -> None:
        while count:
            count -= len(self._some(count))

    def _some(self, most: int) -> bytes:
        if piece := self._read(min(most, PIECE)):
            return piece
        raise EOFError("it ends too early")

    def _read(self, count: int) -> bytes:
        found = self._file.read(count)
        self.size += len(found)
        if self.size > self._most:
            raise TooLarge("the archive holds more than the server takes")
        self._more(len(found))
        return found


def _describe(member: tarfile.TarInfo, said: dict[str, str]) -> None:
    """Put in what the headers before have said of it."""
    member.name, member.linkname = said.get("path", member.name), said.get("linkpath", member.linkname)
    if "size" in said:
        if not re.fullmatch(r"[0-9]{1,18}", said["size"]):
            raise tarfile.ReadError("a size is no number")
        member.size = int(said["size"])
    if "\0" in member.name or "\0" in member.linkname:
        raise tarfile.ReadError("a name has a NUL in it")


def _records(header: bytes) -> dict[str, str]:
    """What an extended header says that matters here."""
    found = {}
    position = 0
    while position < len(header):
        record = _RECORD.match(header, position)
        end = position + int(record[1]) if record else 0
        if record is None or not record.end() < end <= len(header) or header[end - 1] != ord("\n"):
            raise tarfile.ReadError("a header is damaged")
        key = record[2].decode(*_CODEC)
        if key.startswith("GNU.sparse."):
            raise tarfile.ReadError("it has files with holes")
        if key in _WANTED:
            found[key] = header[record.end() : end - 1].decode(*_CODEC)
        position = end
    return found


def _text(header: bytes) -> str:
    return header.partition(b"\0")[0].decode(*_CODEC)
