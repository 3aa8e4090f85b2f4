"""The output of managed jobs on this terminal, and the exit code that their end means."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from styx.cli import managedviews as views
from styx.cli.follow import BROKEN_PIPE, CANCELLED, DETACHED, FAILED, commented, describe_end, exit_code
from styx.cli.progress import progress
from styx.cli.render import clean, note

if TYPE_CHECKING:
    from styx.client.jobs import JobsClient
    from styx.store.managed import JobEvent, ManagedJob

EXIT_CODES = f"""
The exit code of the job.
  {FAILED:<5}it failed without one
  {CANCELLED}  it was cancelled
  {DETACHED}  you pressed Ctrl-C; the job goes on
"""

_PAUSE = 0.3  # seconds between two looks
_SHARE = 5  # times as long as a look at many takes
_PAGE = 1000
_BEFORE = ("pending", "starting")


def follow(jobs: JobsClient, number: int, *, to_end: bool = True, tail: int | None = None) -> int:
    """Copy a job's output to stdout, from all its runs, and return the exit code that its end means.

    Without ``to_end`` only what there is so far: 0 while the job has not ended. Ctrl-C leaves the job alone, says how
    to come back, and returns DETACHED.
    """

    def work() -> int:
        if to_end:
            _until_it_runs(jobs, number)
        for data in jobs.logs(number, follow=to_end, tail=tail):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        end = jobs.wait(number) if to_end else jobs.get(number)
        if end.state.ended and end.state != "succeeded":
            note(describe_end(end))
        return exit_code(end) if end.state.ended else 0

    return _detachable(work, [number])


def follow_all(jobs: JobsClient, handed_in: Sequence[ManagedJob]) -> int:
    """Say what becomes of several jobs until all have ended; the exit code of the first that failed."""
    numbers, names = [job.id for job in handed_in], {job.id: views.name(job) for job in handed_in}

    def work() -> int:
        seen: dict[int, ManagedJob] = {}
        while True:
            began = time.monotonic()
            for job in _group(jobs, handed_in[0].group, numbers):
                if job.id not in seen or seen[job.id].state != job.state:
                    click.echo(_step(job, names.get(job.id, job.name)))
                seen[job.id] = job
            if all(job.state.ended for job in seen.values()):
                return next((exit_code(seen[each]) for each in numbers if not seen[each].good), 0)
            time.sleep(max(_PAUSE, _SHARE * (time.monotonic() - began)))

    return _detachable(work, numbers)


def follow_events(jobs: JobsClient, number: int, *, to_end: bool) -> int:
    """Write what the server did with a job, line by line, until it has ended; 0, or DETACHED."""

    def work() -> int:
        last = 0
        while True:
            ended = jobs.get(number).state.ended  # before its events: the last of them are there then
            for event in _since(jobs.events(number), last):
                click.echo(views.event_line(event))
                last = event.id
            if ended or not to_end:
                return 0
            time.sleep(_PAUSE)

    return _detachable(work, [number])


def _since(events: Sequence[JobEvent], last: int) -> list[JobEvent]:
    return [event for event in events if event.id > last]


def _detachable(work: Callable[[], int], numbers: Sequence[int]) -> int:
    try:
        return work()
    except KeyboardInterrupt:
        several = len(numbers) > 1
        what, them = ("the jobs go on", "them") if several else ("the job goes on", "it")
        note(f"\nDetached; {what}. To come back to {them}:\n{hints(numbers)}")
        return DETACHED
    except BrokenPipeError:
        # Python flushes stdout once more at exit and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _until_it_runs(jobs: JobsClient, number: int) -> None:
    """Show why a job does not run yet: until then there is no output to show."""
    with progress() as report:
        while (job := jobs.get(number)).state in _BEFORE:
            report(f"job {number}", f"{job.state}{f', {views.why(job)}' if views.why(job) else ''}")
            time.sleep(_PAUSE)


def _group(jobs: JobsClient, group: str, numbers: Sequence[int]) -> list[ManagedJob]:
    """Those of the group, oldest first, by pages, without their tasks."""
    from styx.store.managed import JobQuery

    found: list[ManagedJob] = []
    after = None
    while page := jobs.list(JobQuery(group=group, oldest_first=True, after=after, limit=_PAGE, brief=True)):
        found += page
        after = page[-1].id
        if len(found) >= len(numbers):
            break
    return found


def _step(job: ManagedJob, name: str) -> str:
    how = f"{job.state.replace('_', ' ')}{f', {views.why(job)}' if views.why(job) else ''}"
    return clean(f"Job {job.id} ({name}): {how}")


def hints(numbers: Sequence[int]) -> str:
    """The commands that go on from here."""
    if len(numbers) == 1:
        (number,) = numbers
        return commented(
            {
                f"styx jobs logs {number}": "show its output",
                f"styx jobs status {number}": "what has become of it",
                f"styx jobs cancel {number}": "end it",
            }
        )
    return commented({"styx jobs queue": "list them", f"styx jobs logs {numbers[0]}": "show the output of one"})


def spoken(numbers: Sequence[int]) -> str:
    """The jobs in words: ``job 3``, ``jobs 3, 4, 9``, or ``jobs 3 to 102`` where they follow each other."""
    several = sorted(set(numbers))
    if len(several) == 1:
        return f"job {several[0]}"
    if len(several) > 2 and several[-1] - several[0] == len(several) - 1:  # noqa: PLR2004 - two are named
        return f"jobs {several[0]} to {several[-1]}"
    return f"jobs {', '.join(map(str, several))}"
