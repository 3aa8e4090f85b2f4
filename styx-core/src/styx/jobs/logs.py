"""The output of managed jobs, kept below the home of the server that works on them, where it outlives the cluster.

A job's log is one file, all its runs one after the other; with several nodes each line has its rank in front. Beside it
is how far each rank had been read at some length of the file. A server that takes the job up goes on from there: what
the file has beyond that length is what it reads again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from styx.api.backend import LogChunk
from styx.replacing import replacing
from styx.store import Store
from styx.words import size

FOLDER = "jobs"
PIECE = 64 * 1024  # bytes read at a time
POLL_SECONDS = 0.2
MARK_SECONDS = 1.0  # what is read again at most
LONGEST_LINE = 64 * 1024
_CUT = "[styx: no more of the job's output is kept: it is longer than {} (jobs.max_log)]\n"


def path_of(home: Path, number: int) -> Path:
    """Where the log of a job is."""
    return home / FOLDER / str(number // 1000) / f"{number}.log"


class Log:
    """The log of one job, written by whoever works on it. A disk that is full loses output and never stops a job."""

    def __init__(self, home: Path, number: int, run: int, *, ranks: int = 1, most: int | None = None) -> None:
        """Go on with this run of the job; ``ranks`` is of how many nodes.

        The output of all runs is kept up to ``most`` bytes; then a line says that it is not any more.
        """
        self._path = path_of(home, number)
        self._marks = self._path.with_suffix(".marks")
        self._run = run
        self._file: BinaryIO | None = None
        self._most = most
        self._length, self.reached, self._cut = self._read_marks()
        self._rests: dict[int, bytes] | None = {} if ranks > 1 else None
        self._marked_at = time.monotonic()

    def add(self, chunk: LogChunk) -> None:
        """Write what one rank has said."""
        lines = chunk.data if self._rests is None else self._lines(chunk.rank, chunk.data)
        self._keep(lines)
        self.reached[chunk.rank] = chunk.offset + len(chunk.data) - len((self._rests or {}).get(chunk.rank, b""))
        if time.monotonic() - self._marked_at > MARK_SECONDS:
            self.mark()

    def mark(self) -> None:
        """Put on record how far each rank has been read."""
        self._marked_at = time.monotonic()
        draft = self._marks.with_suffix(".draft")
        with suppress(OSError), replacing(self._marks, draft):
            marks = {"run": self._run, "length": self._length, "reached": self.reached, "cut": self._cut}
            draft.write_text(json.dumps(marks))

    def finish(self) -> None:
        """Write what is left of lines that have not ended: nothing more comes. Idempotent."""
        for rank, rest in (self._rests or {}).items():
            if rest:
                self._keep(b"(rank %d) %s\n" % (rank, rest))
                self.reached[rank] += len(rest)
        if self._rests is not None:
            self._rests.clear()
        self.mark()

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _keep(self, output: bytes) -> None:
        """Write output for which there is room. What of it is first without ends it, with a line that says so."""
        if self._cut:
            return
        if self._most is not None and self._length + len(output) > self._most:
            self._cut = True
            kept = output[: max(0, self._most - self._length)]
            end = b"" if kept.endswith(b"\n") else b"\n"
            output = kept + end + _CUT.format(size(self._most)).encode()
        self._write(output)

    def _write(self, data: bytes) -> None:
        if not data:
            return
        try:
            file = self._opened()
            file.seek(self._length)
            written = file.write(data) or 0
            file.truncate()
        except OSError:
            return
        self._length += written

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._path.open("r+b" if self._path.exists() else "w+b", buffering=0)
        return self._file

    def _lines(self, rank: int, data: bytes) -> bytes:
        assert self._rests is not None
        *lines, rest = (self._rests.get(rank, b"") + data).split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        self._rests[rank] = rest
        return b"".join(b"(rank %d) %s\n" % (rank, line) for line in lines)

    def _read_marks(self) -> tuple[int, dict[int, int], bool]:
        """How long the file was when all on record had been read, what that is of this run, and whether it was cut."""
        try:
            marks = json.loads(self._marks.read_text())
            length, reached = int(marks["length"]), {int(rank): int(at) for rank, at in marks["reached"].items()}
            there = self._path.stat().st_size
        except FileNotFoundError:
            return 0, {}, False
        except (OSError, ValueError, KeyError):  # a disk that was full
            return _size(self._path), {}, False
        return min(length, there), (reached if marks.get("run") == self._run else {}), marks.get("cut") is True


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
    start = end = _size(path)
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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
