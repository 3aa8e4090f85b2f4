"""Groups of managed jobs that end with some of them, the primary ones. A group is all of one user's under one name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from styx.store import job_rows, schema
from styx.store.managed import ManagedJob, ManagedState
from styx.store.rows import columns, managed_job

OVER = "the primary jobs of its group have ended"

_T = schema.managed_jobs
_IN = (_T.c.group == bindparam("which"), _T.c.user == bindparam("whose"))
_GOING = job_rows.BRIEF.where(*_IN, ~_T.c.ended).order_by(_T.c.id)
_MEMBERS = select(_T.c.id).where(*_IN)
_GROUPS = select(_T.c.group.label("which"), _T.c.user.label("whose")).where(
    _T.c.id.in_(bindparam("numbers", expanding=True)), _T.c.primary.is_not(None)
)


def members(connection: Connection, numbers: Collection[int]) -> set[int]:
    """All jobs of the groups of these, as far as such groups end with some: what an end of one may mean an end for."""
    some = job_rows.chunks(sorted(numbers))
    groups = {(row.which, row.whose) for each in some for row in connection.execute(_GROUPS, {"numbers": each})}
    return {
        number for which, whose in groups for number in connection.scalars(_MEMBERS, {"which": which, "whose": whose})
    }


def close(connection: Connection, now: datetime, ended: Iterable[ManagedJob]) -> None:
    """These jobs have ended: let the others of a group go where no primary one is left. All of it must be locked.

    What waits for its turn ends now. What is under way ends once its time is over (``stop_at``).
    """
    for which, whose in sorted({(job.group, job.user) for job in ended if job.primary is not None}):
        going = [managed_job(row) for row in connection.execute(_GOING, {"which": which, "whose": whose})]
        if any(job.primary for job in going):
            continue
        others = [job for job in going if not job.cancelling and job.stop_at is None]
        _let_go(connection, now, [job for job in others if job.state is not ManagedState.PENDING])
        _leave(connection, now, [job for job in others if job.state is ManagedState.PENDING])


def _let_go(connection: Connection, now: datetime, jobs: Sequence[ManagedJob]) -> None:
    if jobs:
        connection.execute(job_rows.UPDATE, [_stop(job, now, job.grace or 0.0) for job in jobs])
        job_rows.append(connection, now, [(job, None, _told(job.grace)) for job in jobs], "cancel")


def _leave(connection: Connection, now: datetime, jobs: Sequence[ManagedJob]) -> None:
    if jobs:
        connection.execute(job_rows.UPDATE, [_stop(job, now, 0.0) for job in jobs])
        job_rows.end(connection, now, [(job, ManagedState.CANCELLED, OVER) for job in jobs])


def _stop(job: ManagedJob, now: datetime, seconds: float) -> dict[str, Any]:
    change = {"stop_at": now + timedelta(seconds=seconds), "reason": OVER, "updated_at": now}
    return {"number": job.id, **columns(change)}


def _told(seconds: float | None) -> str:
    return f"{OVER}; it may go on for {seconds:g} s" if seconds else OVER
