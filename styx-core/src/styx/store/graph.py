"""What the end of managed jobs means for those that come after them.

A job is decided on once all that it comes after have ended: it may start, or is left out, which is an end too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from styx.spec.condition import FATES, Ended, LeftOut, left_out
from styx.spec.model import Condition, Output
from styx.store import job_rows, schema
from styx.store.managed import ManagedJob, ManagedState
from styx.store.rows import loaded_outputs, loaded_tuple, write_time

_S = ManagedState
_T = schema.managed_jobs
_THESE = _T.c.id.in_(bindparam("numbers", expanding=True))
_NEEDED_BY = select(_T.c.id, _T.c.needed_by).where(_THESE)
_HOW = select(_T.c.id, _T.c.name, _T.c.state).where(_THESE)
_OUTPUTS = select(_T.c.outputs).where(_THESE, _T.c.name == bindparam("named"))


def closure(connection: Connection, numbers: Collection[int]) -> set[int]:
    """These jobs and all that come after one of them, however far away. That never changes: nothing is locked."""
    found = set(numbers)
    edge = found
    while edge:
        edge = {each for some in _needed_by(connection, edge).values() for each in some} - found
        found |= edge
    return found


def settle(connection: Connection, now: datetime, ended: Collection[int]) -> None:
    """These jobs have ended: those that come after them wait for fewer, and are left out where their condition says so.

    Rows are locked in the order of their ids. A job has a higher one than those it comes after, so that of the jobs
    that were reached the lowest can be locked together, up to the first that one of them leads to.
    """
    after = _needed_by(connection, ended)
    fewer = Counter(each for some in after.values() for each in some)
    known: dict[int, Ended] = {}
    reached: list[ManagedJob] = []
    left: list[tuple[ManagedJob, ManagedState, str]] = []
    while fewer:
        after |= _needed_by(connection, fewer.keys() - after.keys())
        together = {number: fewer.pop(number) for number in _lowest(fewer, after)}
        found = job_rows.locked(connection, together).values()
        jobs = [replace(job, waiting=job.waiting - together[job.id]) for job in found if job.state is _S.PENDING]
        due = [job for job in jobs if not job.waiting]
        _learn(connection, known, {need for job in due for need in job.needs})
        reached += jobs
        for job in due:
            why = _left_out(connection, job, known)
            if why is not None:
                state = _S.CANCELLED if why.failure else _S.SKIPPED
                known[job.id] = _ended(job.id, job.name, state)
                left.append((job, state, why.reason))
                fewer.update(after[job.id])
    if reached:
        at = write_time(now)
        nearer = [{"number": job.id, "waiting": job.waiting, "updated_at": at} for job in reached]
        connection.execute(job_rows.UPDATE, nearer)
    job_rows.end(connection, now, left)


def _lowest(reached: Collection[int], after: Mapping[int, Sequence[int]]) -> list[int]:
    found: list[int] = []
    end = math.inf
    for number in sorted(reached):
        if number >= end:
            break
        found.append(number)
        end = min([end, *after.get(number, ())])
    return found


def _left_out(connection: Connection, job: ManagedJob, known: Mapping[int, Ended]) -> LeftOut | None:
    wish = _condition(job)
    outputs: dict[Output, str] = {}
    if wish.output is not None:
        for some in job_rows.chunks(job.needs):
            for text in connection.scalars(_OUTPUTS, {"numbers": some, "named": wish.output.task}):
                outputs |= {Output(wish.output.task, name): value for name, value in loaded_outputs(text).items()}
    return left_out(wish, [known[need] for need in job.needs], outputs)


def _condition(job: ManagedJob) -> Condition:
    written = job.task.get("when")
    if not written:
        return Condition()
    from styx.spec.flow import when
    from styx.spec.place import Place

    return when(written, Place(field="when"))


def _learn(connection: Connection, known: dict[int, Ended], numbers: set[int]) -> None:
    """Get to know how these have ended."""
    for some in job_rows.chunks(sorted(numbers - known.keys())):
        for row in connection.execute(_HOW, {"numbers": some}):
            known[row.id] = _ended(row.id, row.name, ManagedState(row.state))


def _ended(number: int, name: str, state: ManagedState) -> Ended:
    return Ended(f"job {number} ({name})", FATES[state], failed=state not in (_S.SUCCEEDED, _S.SKIPPED))


def _needed_by(connection: Connection, numbers: Collection[int]) -> dict[int, Sequence[int]]:
    return {
        row.id: loaded_tuple(row.needed_by)
        for some in job_rows.chunks(sorted(numbers))
        for row in connection.execute(_NEEDED_BY, {"numbers": some})
    }
