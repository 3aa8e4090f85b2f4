"""What the end of a managed job means for those that need it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from styx.store import job_rows, schema
from styx.store.managed import ManagedJob, ManagedState
from styx.store.rows import loaded_tuple, write_time

_T = schema.managed_jobs
_NEEDED_BY = select(_T.c.needed_by).where(_T.c.id.in_(bindparam("numbers", expanding=True)))
_NEARER = (
    update(_T)
    .where(_T.c.id == bindparam("number"), _T.c.state == ManagedState.PENDING.value)
    .values(waiting=_T.c.waiting - 1)
)


def closure(connection: Connection, numbers: Collection[int]) -> set[int]:
    """These jobs and all that need one of them, however far away. Who needs whom never changes: nothing is locked."""
    found = set(numbers)
    edge = sorted(found)
    while edge:
        edge = sorted(set(_direct(connection, edge)) - found)
        found.update(edge)
    return found


def let_go_on(connection: Connection, now: datetime, number: int) -> None:
    """The job has succeeded: those that need it wait for one job fewer. They have higher numbers, and are sorted."""
    at = write_time(now)
    needing = sorted(_direct(connection, [number]))
    if needing:
        connection.execute(_NEARER, [{"number": each, "updated_at": at} for each in needing])


def stop(connection: Connection, now: datetime, job: ManagedJob) -> None:
    """The job has ended without success: cancel all that need it, however far away."""
    needing = closure(connection, [job.id]) - {job.id}
    if needing:
        why = f"job {job.id} ({job.name}), which had to succeed first, {_ENDS[job.state]}"
        jobs = job_rows.locked(connection, needing).values()
        job_rows.cancel(connection, now, [(each, why) for each in jobs if each.state is ManagedState.PENDING])


_ENDS = {
    ManagedState.FAILED: "failed",
    ManagedState.FAILED_SETUP: "failed in its setup",
    ManagedState.FAILED_NO_RESOURCES: "found no resources",
    ManagedState.CANCELLED: "was cancelled",
}


def _direct(connection: Connection, numbers: Collection[int]) -> list[int]:
    return [
        each
        for some in job_rows.chunks(sorted(numbers))
        for text in connection.scalars(_NEEDED_BY, {"numbers": some})
        for each in loaded_tuple(text)
    ]
