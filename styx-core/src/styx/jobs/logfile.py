"""The file that holds the output of a managed job, as the server writes it that works on the job.

All runs are in it, one after the other; with several nodes each line has its rank in front. What was written stays as
it is: somebody may have read it. Beside the file is how far each rank had been read at some length of it, and what it
has beyond that length is counted by whoever goes on: so nothing is written twice, and nothing is left out.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from styx.api.backend import LogChunk
from styx.jobs.logs import path_of, size_of
from styx.replacing import replacing
from styx.words import size

MARK_SECONDS = 1.0  # what is counted again at most
LONGEST_LINE = 64 * 1024  # bytes of a line of one of several nodes; what is longer is several
_CUT = "[styx: no more of the job's output is kept: it is longer than {} (jobs.max_log)]\n"
_RANK = re.compile(rb"\(rank (\d{1,9})\) ")


class Log:
    """The log of one job. A disk that is full keeps output waiting, and never the job.

    ``reached`` is how far each rank of this run has been read.
    """

    def __init__(self, home: Path, number: int, run: int, *, ranks: int = 1, most: int | None = None) -> None:
        """Go on with this run of the job; ``ranks`` is of how many nodes.

        The output of all runs is kept up to ``most`` bytes; then a line says that it is not any more.
        """
        self._path = path_of(home, number)
        self._marks = self._path.with_suffix(".marks")
        self._run = run
        self._several = ranks > 1
        self._most = most
        self._end = b"" if most is None else _CUT.format(size(most)).encode()
        self._file: BinaryIO | None = None
        self._rests: dict[int, bytes] = {}  # of several ranks: what their last lines begin with
        self._length, self.reached, self._cut = self._read_marks()
        self._within_a_line = False  # whether the file ends there, and the next begins with the end of that
        self._count()
        self.mark()

    def add(self, chunk: LogChunk) -> bool:
        """Write what one rank has said; whether it is written. What is not has to be read again, from ``reached``."""
        data, rank = chunk.data, chunk.rank
        if chunk.offset <= self.reached.get(rank, 0):  # what a line began with comes once more
            self._rests.pop(rank, None)
        if not self._keep(self._lines(rank, data) if self._several else data):
            return False
        self.reached[rank] = chunk.offset + len(data) - len(self._rests.get(rank, b""))
        if time.monotonic() - self._marked_at > MARK_SECONDS:
            self.mark()
        return True

    def mark(self) -> None:
        """Put on record how far each rank has been read."""
        self._marked_at = time.monotonic()
        if not self._length:
            return
        draft = self._marks.with_suffix(".draft")
        with suppress(OSError), replacing(self._marks, draft):
            marks = {"run": self._run, "length": self._length, "reached": self.reached, "cut": self._cut}
            draft.write_text(json.dumps(marks))

    def finish(self) -> None:
        """Write what is left of lines that have not ended: nothing more comes. Idempotent."""
        for rank, rest in [*self._rests.items()]:
            if rest and self._keep(b"(rank %d) %s\n" % (rank, rest)):
                self.reached[rank] += len(rest)
        self._rests.clear()
        self.mark()

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _keep(self, output: bytes) -> bool:
        """Write output for which there is room. What of it is first without ends it, with a line that says so."""
        if self._cut or not output:
            return True
        if self._most is None or self._length + len(output) <= self._most:
            return self._write(output)
        kept = output[: max(0, self._most - self._length)]
        self._cut = self._write(kept + (b"" if kept.endswith(b"\n") else b"\n") + self._end)
        self.mark()
        return self._cut

    def _write(self, output: bytes) -> bool:
        """Whether all of it is written; if not, what of it is counts as read."""
        data, written = b"\n" * self._within_a_line + output, 0
        with suppress(OSError):
            written = self._opened().write(data)
        if written == len(data):
            self._length, self._within_a_line = self._length + written, False
            return True
        self._rests.clear()
        self._count()
        return False

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        return self._file

    def _lines(self, rank: int, data: bytes) -> bytes:
        text, begin, lines = self._rests.get(rank, b"") + data, 0, list[bytes]()
        while True:
            end = text.find(b"\n", begin, begin + LONGEST_LINE)
            if end < 0 and len(text) - begin < LONGEST_LINE:
                break
            ended = end >= 0
            end = end if ended else begin + LONGEST_LINE
            lines.append(b"(rank %d) %s\n" % (rank, text[begin:end]))
            begin = end + ended
        self._rests[rank] = text[begin:]
        return b"".join(lines)

    def _count(self) -> None:
        """Count what the file has beyond what is known of it: a server wrote it that was killed, or a full disk did."""
        there = size_of(self._path)
        if there > self._length and self._several:
            with suppress(OSError), self._path.open("rb") as file:
                file.seek(self._length)
                for rank, count in counted(file).items():
                    self.reached[rank] = self.reached.get(rank, 0) + count
        elif there > self._length:
            self.reached[0] = self.reached.get(0, 0) + there - self._length
        self._length = there
        end = _end_of(self._path, max(len(self._end), 1))
        self._cut = self._cut or (end == self._end != b"")
        self._within_a_line = self._several and end[-1:] not in (b"", b"\n")

    def _read_marks(self) -> tuple[int, dict[int, int], bool]:
        """A length of the file, how far each rank of this run had been read by then, and whether it was cut."""
        unknown = 0 if self._run == 1 else size_of(self._path)  # all that is there is of the first run
        try:
            marks = json.loads(self._marks.read_text())
            if marks["run"] != self._run:
                return size_of(self._path), {}, marks["cut"] is True
            reached = {int(rank): int(at) for rank, at in marks["reached"].items()}
            return max(0, int(marks["length"])), reached, marks["cut"] is True
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none, or not such as we write
            return unknown, {}, False


def counted(lines: Iterable[bytes]) -> dict[int, int]:
    """How many bytes of each rank such lines are of. The last one may have been written in part."""
    found: dict[int, int] = {}
    for line in lines:
        if head := _RANK.match(line):
            rank, said = int(head[1]), line[head.end() :]
            text = said.removesuffix(b"\n")
            ended = len(text) < len(said) and len(text) < LONGEST_LINE  # not where it was only too long
            found[rank] = found.get(rank, 0) + len(text) + ended
    return found


def _end_of(path: Path, count: int) -> bytes:
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, size_of(path) - count))
        return file.read()
    return b""
