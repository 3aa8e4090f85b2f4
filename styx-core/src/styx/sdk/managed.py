"""Managed jobs from Python: handed in once, and run, watched and recovered by a server.

::

    import styx

    (job,) = styx.jobs_launch(styx.Task("train").run("python train.py"), max_restarts=3)
    for line in styx.jobs_logs(job.id):
        print(line)
    print(styx.jobs_wait(job.id).state)
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import TypeVar

from styx.client import connect
from styx.client.jobs import JobsClient
from styx.jobs.model import JobOptions
from styx.sdk.faces import TwoFaced, expect
from styx.spec import Dag, Task
from styx.store.managed import JobQuery, ManagedJob

T = TypeVar("T")


async def _ask(work: Callable[[JobsClient], T]) -> T:
    """What a client of this installation answers, in a thread: clients block."""

    def asked() -> T:
        client = connect()
        try:
            return work(client.jobs)
        finally:
            client.close()

    return await asyncio.to_thread(asked)


@TwoFaced
async def jobs_launch(
    task: Task | Dag,
    *,
    name: str = "",
    num_jobs: int = 1,
    strategy: str | None = None,
    max_restarts: int | None = None,
    restart_on: Sequence[int] | None = None,
    timeout: float | None = None,
    priority: int | None = None,
    pool: str = "",
    account: str | None = None,
    max_hourly_cost: Decimal | float | None = None,
    on_success: Sequence[str] = (),
    on_failure: Sequence[str] = (),
) -> list[ManagedJob]:
    """Hand a task in, ``num_jobs`` times for an array, or the tasks of a Dag as one group; the jobs, in order.

    ``timeout`` is in seconds, ``restart_on`` exit codes, ``max_hourly_cost`` USD for all nodes. Where no server is
    configured, one is started on this machine. Raises InvalidTask, BadInput, PluginError where no server can run.
    """
    expect("jobs_launch(task, num_jobs=1)", (task, Task | Dag))
    options = JobOptions(
        strategy=strategy,
        max_restarts=max_restarts,
        restart_exit_codes=None if restart_on is None else tuple(restart_on),
        timeout=timeout,
        priority=priority,
        pool=pool,
        account=account,
        max_hourly_cost=None if max_hourly_cost is None else Decimal(str(max_hourly_cost)),
        on_success=tuple(on_success),
        on_failure=tuple(on_failure),
    )
    if isinstance(task, Task):
        return await _ask(lambda jobs: jobs.submit(task, options, name=name, count=num_jobs))
    if num_jobs != 1:
        raise TypeError("num_jobs is for a single task, not for a Dag")
    return await _ask(lambda jobs: jobs.submit_dag(task, options))


@TwoFaced
async def jobs_queue(query: JobQuery | None = None) -> list[ManagedJob]:
    """One page of managed jobs, newest first. Raises BadInput for filters that do not go together."""
    expect("jobs_queue(JobQuery(state='running'))", (query, JobQuery | None))
    return await _ask(lambda jobs: jobs.list(query or JobQuery()))


@TwoFaced
async def jobs_status(number: int) -> ManagedJob:
    """One managed job. Raises JobNotFound."""
    expect("jobs_status(3)", (number, int))
    return await _ask(lambda jobs: jobs.get(number))


@TwoFaced
async def jobs_wait(number: int) -> ManagedJob:
    """A managed job, once it has ended. Raises JobNotFound."""
    expect("jobs_wait(3)", (number, int))
    return await _ask(lambda jobs: jobs.wait(number))


@TwoFaced
async def jobs_cancel(numbers: Sequence[int]) -> list[int]:
    """Ask that these end; those that had not ended yet. Raises JobNotFound."""
    expect("jobs_cancel([3, 4])", (numbers, Sequence))
    return await _ask(lambda jobs: jobs.cancel(numbers))


def jobs_logs(number: int, *, follow: bool = True, tail: int | None = None) -> Iterator[str]:
    """The output of a managed job line by line, of all its runs; with ``follow`` until it has ended."""
    expect("jobs_logs(3)", (number, int))
    client, decoder, rest = connect(), codecs.getincrementaldecoder("utf-8")("replace"), ""
    try:
        for data in client.jobs.logs(number, follow=follow, tail=tail):
            *whole, rest = (rest + decoder.decode(data)).split("\n")
            yield from whole
        if rest:
            yield rest
    finally:
        client.close()
