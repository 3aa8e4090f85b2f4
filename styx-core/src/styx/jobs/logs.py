"""The output of managed jobs, kept below the home of the server that works on them, where it outlives the cluster.

Here they are read; :mod:`styx.jobs.logfile` writes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from styx.store import Store

FOLDER = "jobs"
PIECE = 64 * 1024  # bytes read at a time
POLL_SECONDS = 0.2


def path_of(home: Path, number: int) -> Path:
    """Where the log of a job is."""
    return home / FOLDER / str(number // 1000) / f"{number}.log"


async def read(
    home: Path, store: Store, number: int, *, follow: bool = True, tail: int | None = None, offset: int = 0
) -> AsyncIterator[bytes]:
    """A job's output from a byte on, or its last ``tail`` lines; with ``follow`` until it has ended.

    Pieces of at most 64 KiB. Raises JobNotFound.
    """
    path = path_of(home, number)
    ended = store.jobs.state(number).ended
    at = offset if tail is None else start_of_tail(path, tail)
    while True:
        piece = _piece(path, at)
        if piece:
            at += len(piece)
            yield piece
        elif ended or not follow:
            return
        else:
            await asyncio.sleep(POLL_SECONDS)
            ended = store.jobs.state(number).ended


def _piece(path: Path, at: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(PIECE)
    except FileNotFoundError:
        return b""


def start_of_tail(path: Path, lines: int) -> int:
    """The byte at which the last so many lines begin."""
    start = end = size_of(path)
    if not lines:
        return end
    with suppress(FileNotFoundError), path.open("rb") as file:
        while start:
            before, start = start, max(0, start - PIECE)
            file.seek(start)
            piece = file.read(before - start)
            at = len(piece) - (before == end and piece.endswith(b"\n"))  # the last line's own end begins no other
            while (at := piece.rfind(b"\n", 0, at)) >= 0:
                lines -= 1
                if not lines:
                    return start + at + 1
    return 0


def size_of(path: Path) -> int:
    """Of a file, in bytes; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
