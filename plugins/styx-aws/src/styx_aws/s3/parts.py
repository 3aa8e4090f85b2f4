"""How a file is cut into parts, and the checksum that S3 tells of what was put together from them.

Both follow from the size alone, so that an interrupted copy goes on where it was, and a file can be compared with an
object that was stored by somebody else with the same rule: it is that of the AWS CLI and of boto3.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from styx.api import InvalidRequest

PART = 8 << 20  # bytes; what is not longer goes over in one piece
_MOST = 10_000
_LARGEST = 5 << 30
_ETAG = re.compile(r"([0-9a-f]{32})(?:-([1-9][0-9]*))?")
_BUFFER = 1 << 20


class Part(NamedTuple):
    """Bytes of a file; ``number`` counts from 1."""

    number: int
    offset: int
    length: int


def part_length(size: int) -> int:
    """How long each part but the last is: 8 MiB, doubled until there are 10,000 at most."""
    length = PART
    while size > length * _MOST:
        length *= 2
    if length > _LARGEST:
        raise InvalidRequest(f"a file of {size} bytes is too large for S3", field="source")
    return length


def cut(size: int) -> list[Part]:
    """The parts of a file of so many bytes; one, perhaps empty, for a small one."""
    length = part_length(size)
    starts = range(0, size, length) or (0,)
    return [Part(number, start, min(length, size - start)) for number, start in enumerate(starts, 1)]


def whole_etag(etags: Sequence[str]) -> str:
    """What S3 calls an object whose parts have these ETags, which are MD5 sums."""
    joined = hashlib.md5(b"".join(map(bytes.fromhex, etags)), usedforsecurity=False).hexdigest()
    return f"{joined}-{len(etags)}"


def matches(descriptor: int, size: int, etag: str) -> bool | None:
    """Whether the open file is what ``etag`` was told of; None where that cannot be known.

    It cannot for checksums that are no MD5, and for objects that were put together from other parts than ours.
    """
    told = _ETAG.fullmatch(etag)
    if told is None:
        return None
    if told[2] is None:
        return digest(descriptor, Part(1, 0, size)) == etag
    pieces = cut(size)
    if int(told[2]) != len(pieces):
        return None
    return whole_etag([digest(descriptor, piece) for piece in pieces]) == etag


def is_digest(etag: str) -> bool:
    """Whether it may be the MD5 of one piece."""
    told = _ETAG.fullmatch(etag)
    return told is not None and told[2] is None


def digest(descriptor: int, part: Part) -> str:
    """The MD5 of these bytes of an open file, in hexadecimal."""
    found = hashlib.md5(usedforsecurity=False)
    for chunk in _chunks(descriptor, part):
        found.update(chunk)
    return found.hexdigest()


def _chunks(descriptor: int, part: Part) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(min(_BUFFER, part.length)))
    at, end = part.offset, part.offset + part.length
    while at < end and (got := os.preadv(descriptor, [buffer[: end - at]], at)):
        yield buffer[:got]
        at += got
