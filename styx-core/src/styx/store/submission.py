"""Putting managed jobs on record: all of a submission or none, and once however often it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sqlalchemy import Connection, bindparam, insert
from sqlalchemy.exc import IntegrityError

from styx.api.errors import BadInput, StoreError
from styx.store import job_rows, schema
from styx.store.database import Database
from styx.store.managed import ManagedJob, ManagedState, NewJob
from styx.store.rows import columns, managed_job, plain

_T = schema.managed_jobs
_KNOWN = job_rows.SELECT.where(_T.c.key.in_(bindparam("keys", expanding=True)))
_INSERT = insert(_T).returning(_T.c.id, sort_by_parameter_order=True)
_GIVEN = tuple(field.name for field in fields(NewJob) if field.name != "needs")


def submit(database: Database, jobs: Sequence[NewJob]) -> list[ManagedJob]:
    """See :meth:`styx.store.jobs.ManagedJobs.submit`."""
    jobs = [replace(job, key=plain(job.key), user=plain(job.user), name=plain(job.name)) for job in jobs]
    if not jobs:
        return []
    order = _order(jobs)
    try:
        return _submit(database, jobs, order)
    except StoreError as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
    return _submit(database, jobs, order)  # somebody else was quicker with these keys, and they are on record now


def _submit(database: Database, jobs: Sequence[NewJob], order: Sequence[int]) -> list[ManagedJob]:
    with database.write() as connection:
        known = _known(connection, jobs)
        if known:
            return _same([known.get(job.key) for job in jobs], jobs)
        now = database.now(connection)
        same = {**_blank(), **columns({"created_at": now, "updated_at": now})}
        rows = [{**same, **columns({name: getattr(jobs[at], name) for name in _GIVEN})} for at in order]
        for row, at in zip(rows, order, strict=True):
            row |= {"waiting": len(set(jobs[at].needs)), "turn": -row.pop("priority")}
        numbers = dict(zip(order, connection.scalars(_INSERT, rows), strict=True))
        _join(connection, jobs, numbers)
        made = _known(connection, jobs)
        job_rows.append(connection, now, [(job, ManagedState.PENDING, "") for job in made.values()], "submitted")
        return [made[job.key] for job in jobs]


def _order(jobs: Sequence[NewJob]) -> list[int]:
    """Positions, each after those it needs: who is needed gets the lower number, and is locked first."""
    if not any(job.needs for job in jobs):
        return list(range(len(jobs)))
    try:
        return list(TopologicalSorter({at: job.needs for at, job in enumerate(jobs)}).static_order())
    except CycleError as error:
        circle = " -> ".join(jobs[at].name for at in error.args[1])
        raise BadInput(f"these jobs need each other, so that none can be the first: {circle}") from error


def _blank() -> dict[str, Any]:
    """The columns of a job to which nothing has happened."""
    job = {field.name: field.default for field in fields(ManagedJob) if field.name not in _SAID}
    return columns({**job, "state": ManagedState.PENDING, "outputs": {}, "needs": (), "needed_by": ()}) | {
        "ended": False
    }


_SAID = {*_GIVEN, "id", "created_at", "updated_at"}


def _join(connection: Connection, jobs: Sequence[NewJob], numbers: Mapping[int, int]) -> None:
    """Write down who needs whom, by number."""
    needed_by: dict[int, set[int]] = {}
    for at, job in enumerate(jobs):
        for need in job.needs:
            needed_by.setdefault(need, set()).add(numbers[at])
    joined = [
        {
            "number": numbers[at],
            **columns(
                {"needs": sorted({numbers[need] for need in job.needs}), "needed_by": sorted(needed_by.get(at, ()))}
            ),
        }
        for at, job in enumerate(jobs)
        if job.needs or at in needed_by
    ]
    if joined:
        connection.execute(job_rows.UPDATE, joined)


def _known(connection: Connection, jobs: Sequence[NewJob]) -> dict[str, ManagedJob]:
    keys = [job.key for job in jobs]
    found = (managed_job(row) for some in job_rows.chunks(keys) for row in connection.execute(_KNOWN, {"keys": some}))
    return {job.key: job for job in found}


def _same(known: Sequence[ManagedJob | None], jobs: Sequence[NewJob]) -> list[ManagedJob]:
    """The jobs on record under these keys. Raises BadInput unless they are what is submitted now."""
    found, numbers = list[ManagedJob](), [each and each.id for each in known]
    for each, job in zip(known, jobs, strict=True):
        if each is None or _said(each) != _said(job) or {*each.needs} != {numbers[at] for at in job.needs}:
            raise other(job)
        found.append(each)
    return found


def _said(job: ManagedJob | NewJob) -> tuple[object, ...]:
    """What stays as it was submitted, but for whom it needs and for the options, parts of which are sealed."""
    return job.user, job.name, job.rank, job.size, job.primary, job.grace, job.task


def other(job: NewJob) -> BadInput:
    """Why a job is not submitted: something else was, under its key."""
    return BadInput(
        f"the key of job {job.name!r} was used for another submission",
        hint="Use a new key for each; the same key again is for the same submission again.",
    )
