"""The small pieces all transports share: streams over asyncio pairs, bounded reading, paths relative to a home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from styx.api import TransportError

LOOK = "`styx status -r` asks the provider whether its machine is there."  # what to do about a node out of reach
OUTPUT_LIMIT = 64 << 20  # bytes of one command's output that are kept; a node that sends more is cut off
_PIECE = 1 << 16


class Reader(Protocol):
    """The reading half of a connection, as asyncio and asyncssh both have it."""

    async def read(self, n: int = -1, /) -> bytes:
        """At most ``n`` bytes; empty at the end."""

    async def readexactly(self, n: int, /) -> bytes:
        """Exactly ``n`` bytes."""


class Writer(Protocol):
    """The writing half."""

    def write(self, data: bytes, /) -> None:
        """Queue bytes to be sent."""

    async def drain(self) -> None:
        """Wait until the queue is short again."""

    def write_eof(self) -> None:
        """Say that nothing more will come."""

    def close(self) -> None:
        """Close this half."""


async def collect(reader: Reader, what: str, limit: int = OUTPUT_LIMIT) -> bytes:
    """Everything up to the end of ``reader``; raises TransportError beyond ``limit`` bytes."""
    pieces: list[bytes] = []
    size = 0
    while piece := await reader.read(_PIECE):
        size += len(piece)
        if size > limit:
            raise TransportError(f"{what} wrote more than {limit >> 20} MiB", hint="Write to a file and copy that.")
        pieces.append(piece)
    return b"".join(pieces)


async def feed(writer: Writer, data: bytes | AsyncIterator[bytes]) -> None:
    """Send ``data`` and then the end of file. A reader that has gone away is not an error: its status will tell."""
    try:
        if isinstance(data, bytes):
            if data:
                writer.write(data)
                await writer.drain()
        else:
            async for piece in data:
                writer.write(piece)
                await writer.drain()
        writer.write_eof()
    except (BrokenPipeError, ConnectionResetError):
        return


async def converse(
    stdin: Writer, stdout: Reader, stderr: Reader, data: bytes | AsyncIterator[bytes], what: str
) -> tuple[bytes, bytes]:
    """Send ``data`` while both outputs are read, and return them. Whatever fails first ends the rest."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(feed(stdin, data))
            out = group.create_task(collect(stdout, what))
            err = group.create_task(collect(stderr, what))
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return out.result(), err.result()


def shorten(command: str, limit: int = 60) -> str:
    """A command as it is shown in errors: its first line, cut."""
    first = command.strip().split("\n", 1)[0]
    return first if len(first) <= limit else f"{first[: limit - 3]}..."


def strip_home(path: str) -> str:
    """``~`` and ``~/x`` as paths relative to the home, like ``.`` and ``x``; any other path as it is."""
    if path in {"~", ""}:
        return "."
    return path[2:] or "." if path.startswith("~/") else path
