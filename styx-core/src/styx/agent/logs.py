"""Reading one rank's log on this node, from any offset, to its end or as it grows."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Awaitable, Callable

    from .ranks import Rank, Ranks

    Send = Callable[[int, int, bytes], Awaitable[None]]  # (rank, offset, data)

CHUNK = 1 << 16


def tail_offset(descriptor: int, lines: int) -> int:
    """Return where the last ``lines`` lines of a file begin."""
    end = os.fstat(descriptor).st_size
    if lines == 0 or end == 0:
        return end
    at, wanted = end, lines
    if os.pread(descriptor, 1, end - 1) == b"\n":
        wanted += 1
    while at > 0:
        start = max(0, at - CHUNK)
        block = os.pread(descriptor, at - start, start)
        count = block.count(b"\n")
        if count >= wanted:
            position = len(block)
            for _ in range(wanted):
                position = block.rindex(b"\n", 0, position)
            return start + position + 1
        wanted -= count
        at = start
    return 0


async def read(ranks: Ranks, rank: Rank, follow: bool, tail: int | None, offset: int | None, send: Send) -> None:
    """Send the rank's output from ``offset``, else its last ``tail`` lines, else all; with ``follow`` until it ends."""
    try:
        descriptor = os.open(rank.log, os.O_RDONLY)
    except FileNotFoundError:
        return  # somebody removed it; there is nothing to show
    grown = ranks.logs.open(rank.log) if follow and not rank.ended else None
    try:
        if offset is None:
            offset = 0 if tail is None else tail_offset(descriptor, tail)
        while True:
            ended = rank.ended
            data = os.pread(descriptor, CHUNK, offset)
            if data:
                await send(rank.rank, offset, data)
                offset += len(data)
            elif ended or grown is None:
                return
            else:
                await grown.wait(ranks.logs.patience(rank.log))
    finally:
        if grown is not None:
            ranks.logs.close(rank.log)
        os.close(descriptor)
