"""A job's output on this terminal, and the exit code that its end means."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, BinaryIO

from styx.cli.render import clean, note

if TYPE_CHECKING:
    from styx.api.backend import JobInfo, LogChunk
    from styx.client.protocol import Client
    from styx.store.managed import ManagedJob

# What a shell reports for SIGINT (you left), SIGTERM (the job was cancelled) and SIGPIPE (nobody reads any more).
DETACHED = 130
CANCELLED = 143
BROKEN_PIPE = 141
FAILED = 1
NOT_ENDED = 75

EXIT_CODES = f"""
The exit code of the task: that of the first node on which it failed.
  {FAILED:<5}it failed without one, or nobody knows how it ended
  {CANCELLED}  it was cancelled
  {DETACHED}  you pressed Ctrl-C; the job goes on
"""

_LINE_END = rb"\r\n|\n|\r(?=[^\n])"
_LONGEST_LINE = 64 * 1024


def follow(
    client: Client,
    cluster: str,
    job_id: int | None,
    *,
    to_end: bool = True,
    tail: int | None = None,
    rank: int | None = None,
) -> int:
    """Copy a job's output (None: the newest job's) to stdout and return the exit code that its end means.

    Without ``to_end`` only what there is so far: 0 while the job has not ended. Ctrl-C leaves the job alone, says how
    to come back, and returns DETACHED.
    """
    try:
        job = client.job(cluster, job_id)
        job_id = job.id
        chunks = client.logs(cluster, job_id, follow=to_end, tail=tail, rank=rank)
        copy(chunks, sys.stdout.buffer, prefix=job.num_nodes > 1 and rank is None)
        end = client.wait(cluster, job_id) if to_end else client.job(cluster, job_id)
    except KeyboardInterrupt:
        note(f"\nDetached; the job goes on. To come back:\n{hints(cluster, job_id)}")
        return DETACHED
    except BrokenPipeError:
        # Python flushes stdout once more at exit and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if not end.state.ended:
        return 0
    if end.state != "succeeded":
        note(describe_end(end))
    return exit_code(end)


def copy(chunks: Iterable[LogChunk], target: BinaryIO, *, prefix: bool) -> None:
    """Write the bytes as they come; with ``prefix``, line by line with the rank in front."""
    splitter = _Lines(target)
    for chunk in chunks:
        if prefix:
            splitter.feed(chunk.rank, chunk.data)
        else:
            target.write(chunk.data)
        target.flush()
    splitter.finish()
    target.flush()


class _Lines:
    """Puts ``(rank N) `` in front of every line, and keeps the lines of different ranks apart."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._rest: dict[int, bytes] = {}

    def feed(self, rank: int, data: bytes) -> None:
        data = self._rest.pop(rank, b"") + data
        start = 0
        for end in re.finditer(_LINE_END, data):
            self._write(rank, data[start : end.end()])
            start = end.end()
        rest = data[start:]
        if len(rest) > _LONGEST_LINE:
            self._write(rank, rest + b"\n")
        elif rest:
            self._rest[rank] = rest

    def finish(self) -> None:
        """Write what never got its line end."""
        for rank, rest in sorted(self._rest.items()):
            self._write(rank, rest + b"\n")
        self._rest.clear()

    def _write(self, rank: int, line: bytes) -> None:
        self._target.write(b"(rank %d) %s" % (rank, line))


def exit_code(job: JobInfo | ManagedJob) -> int:
    """What a command that waited for the job ends with."""
    if job.state in ("succeeded", "skipped"):
        return 0
    if job.state == "cancelled":
        return CANCELLED
    if not job.state.ended:
        return NOT_ENDED
    code = job.exit_code or FAILED
    # A process that died of signal 9 has code -9 in Python and 137 in a shell; beyond 255 an exit code wraps, and a
    # failure must not wrap to 0.
    return 128 - code if code < 0 else code & 0xFF or FAILED


# Reasons that say no more than the state does.
_SAID = frozenset({"the set-up failed"})


def describe_end(job: JobInfo | ManagedJob) -> str:
    """One sentence on how the job ended."""
    how = {
        "failed_setup": "failed in its setup",
        "failed_no_resources": "found nowhere to run",
        "cancelled": "was cancelled",
        "skipped": "was left out",
        "lost": "was lost",
    }
    sentence, code = f"Job {job.id} {how.get(job.state, str(job.state))}", f"exit code {job.exit_code}"
    if job.state != "cancelled" and job.exit_code:
        sentence += f" with {code}"
    return f"{sentence}: {clean(job.reason)}" if job.reason and job.reason not in (*_SAID, code) else f"{sentence}."


def hints(cluster: str, job_id: int | None) -> str:
    """The commands that go on from here."""
    import shlex

    name, number = shlex.quote(cluster), "" if job_id is None else f" {job_id}"
    commands = {
        f"styx logs {name}{number}": "show its output",
        f"styx queue {name}": "list the jobs",
        f"styx cancel {name}{number or ' JOB'}": "cancel it",
    }
    return commented(commands)


def commented(commands: Mapping[str, str]) -> str:
    """Commands to choose from, each with what it does."""
    width = max(map(len, commands))
    return "\n".join(f"  {command:<{width}}  # {what}" for command, what in commands.items())
