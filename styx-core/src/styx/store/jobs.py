"""Managed jobs: submitting, taking up, moving and cancelling them. Each change and its event are one transaction.

Who works on a job names the epoch under which it took it up, and is refused once another has a newer one. On PostgreSQL
the rows of jobs are locked in the order of their ids, a server's row before them, so that no two wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select, update

from styx.api.errors import JobNotFound, StoreError
from styx.store import groups, job_rows, pages, schema
from styx.store.admission import admit
from styx.store.database import Database
from styx.store.graph import closure, settle
from styx.store.managed import (
    ANYBODY,
    ENDED,
    UNDER_WAY,
    JobEvent,
    JobQuery,
    Limits,
    ManagedJob,
    ManagedState,
    NewJob,
    Superseded,
    legal,
)
from styx.store.rows import bounded, job_event, managed_job, write_time
from styx.store.submission import submit

_T = schema.managed_jobs
_GET = job_rows.SELECT.where(_T.c.id == bindparam("number"))
_LOCK = _GET.with_for_update()
_STATE = select(_T.c.state).where(_T.c.id == bindparam("number"))
_ON_SERVER = job_rows.SELECT.where(
    _T.c.server == bindparam("name"), _T.c.state.in_([state.value for state in UNDER_WAY])
)
_MINE = _ON_SERVER.order_by(_T.c.id)
_NUMBERS = _MINE.with_only_columns(_T.c.id)
_CANCELLING = (
    _ON_SERVER.with_only_columns(_T.c.id, _T.c.cancelling, _T.c.stop_at)
    .where(or_(_T.c.cancelling, _T.c.stop_at.is_not(None)))
    .order_by(_T.c.id)
)
_UNTOLD = job_rows.SELECT.where(_T.c.server == ANYBODY).order_by(_T.c.state, _T.c.id).limit(bindparam("most"))
_TOLD = update(_T).where(_T.c.id == bindparam("number"), _T.c.server == ANYBODY).values(server="")
_OWNERS = select(_T.c.id, _T.c.user).where(_T.c.id.in_(bindparam("numbers", expanding=True)))
_PIECE = 100  # rows of a page that are asked for at once, where they may be large
_COUNTS = (
    select(_T.c.state, func.count().label("number"))
    .where(_T.c.state.in_([state.value for state in ManagedState if state not in ENDED]))
    .group_by(_T.c.state)
)
_NEWEST_EVENTS = (
    select(schema.job_events)
    .where(schema.job_events.c.job == bindparam("number"))
    .order_by(schema.job_events.c.id.desc())
    .limit(bindparam("most"))
)

# Set by who works on the job. The rest is said once, when it is submitted, or has methods of its own.
_CHANGEABLE = frozenset(
    {"cluster", "cluster_job", "runs", "restarts", "recoveries", "reason", "error", "exit_code", "outputs", "cost",
     "started_at"}
)  # fmt: skip


class ManagedJobs:
    """Managed jobs by number. Every method may raise StoreError; one that is given an unknown number, JobNotFound."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(self, jobs: Sequence[NewJob]) -> list[ManagedJob]:
        """Put jobs on record, all or none, each waiting for its turn; the jobs in the order given.

        Idempotent on their keys: the same submission again gives the same jobs, as they are by then. Raises BadInput
        when a key was used for something else, or when jobs need each other in a circle.
        """
        return submit(self._database, jobs)

    def get(self, number: int) -> ManagedJob:
        """One job."""
        with self._database.read() as connection:
            return _got(connection, number)

    def state(self, number: int) -> ManagedState:
        """The state of one job, without all the rest."""
        with self._database.read() as connection:
            found = connection.scalar(_STATE, {"number": bounded(number)})
        if found is None:
            raise _unknown(number)
        return ManagedState(found)

    def page(self, query: JobQuery) -> list[ManagedJob]:
        """One page of jobs; fewer than ``query.limit`` are the last. Raises BadInput for what has no index."""
        statement = pages.statement(query)
        with self._database.read() as connection:
            return [managed_job(row) for row in connection.execute(statement)]

    def part(self, query: JobQuery, most: int) -> tuple[list[ManagedJob], bool]:
        """The beginning of a page, and whether there may be more jobs: it ends with the one that fills ``most`` bytes.

        Where tasks are large nobody is to have a thousand of them in memory. Raises BadInput as :meth:`page`.
        """
        found, size = list[ManagedJob](), 0
        while len(found) < query.limit:
            wanted = min(_PIECE, query.limit - len(found))
            piece = replace(query, limit=wanted, after=found[-1].id if found else query.after)
            with self._database.read() as connection, connection.execute(pages.statement(piece)) as rows:
                for row in rows:
                    found.append(managed_job(row))
                    size += len(row.task) + len(row.options)
                    wanted -= 1
                    if size >= most:
                        return found, True
            if wanted:
                return found, False
        return found, True

    def owners(self, numbers: Collection[int]) -> dict[int, str]:
        """Whose these jobs are."""
        found: dict[int, str] = {}
        with self._database.read() as connection:
            for some in job_rows.chunks(sorted({bounded(number) for number in numbers})):
                found |= {row.id: row.user for row in connection.execute(_OWNERS, {"numbers": some})}
        for number in numbers:
            if number not in found:
                raise _unknown(number)
        return found

    def admit(self, server: str, limits: Limits) -> list[ManagedJob]:
        """Let the next jobs start, as many as the limits allow: they are this server's now, and ``starting``.

        No job is given to two servers, and the limits of users and pools hold for all servers together. Raises
        Superseded when the server is not on record (any more): nobody would take over what it took.
        """
        return admit(self._database, server, limits)

    def own(self, number: int, server: str) -> ManagedJob:
        """Take up one of this server's jobs: from now on only who names the new ``epoch`` may change it.

        Raises Superseded when the job is not this server's (any more). One that has ended is returned as it is.
        """
        with self._database.write(lazily=True) as connection:
            before = _locked(connection, number)
            if before.state.ended:
                return before
            if before.server != server:
                raise Superseded(f"managed job {number} is not, or not any more, this server's")
            now = self._database.now(connection)
            return job_rows.write(connection, before, {"epoch": before.epoch + 1, "updated_at": now})

    def move(self, number: int, epoch: int, to: ManagedState, *, reason: str = "", **changes: Any) -> ManagedJob:
        """Move a job to another state and set fields, with an event; the job as it is then.

        When it first runs, ``started_at`` is set; when it ends, its secrets go, and the jobs that come after it come
        nearer to their turn, or are left out; and those that end with it are to end. Moving to the state it is in sets
        the fields alone.
        Raises Superseded when another has taken the job up, StoreError when the move is not legal.
        """
        _check(changes)
        with self._database.write(lazily=not to.ended) as connection:
            if to.ended:
                job_rows.locked(connection, groups.members(connection, [bounded(number)]))
            before = _locked(connection, number)
            _require(before, epoch)
            waits = before.state is ManagedState.PENDING and not to.ended  # only admit() lets it start
            if before.state.ended or waits or not legal(before.state, to):
                raise StoreError(f"managed job {number} cannot go from {before.state} to {to}")
            now = self._database.now(connection)
            if to is ManagedState.RUNNING and before.started_at is None:
                changes = {"started_at": now, **changes}
            if to.ended:
                changes = {**changes, **job_rows.ending(now)}
            changes = {**changes, "state": to, "reason": reason, "updated_at": now}
            after = job_rows.write(connection, before, changes)
            if to is not before.state:
                job_rows.append(connection, now, [(before, to, reason)])
            if to.ended:
                settle(connection, now, [number])
                groups.close(connection, now, [after])
            return after

    def update(self, number: int, epoch: int, **changes: Any) -> ManagedJob:
        """Set fields of a job that has not ended. Raises Superseded when another has taken it up."""
        _check(changes)
        with self._database.write(lazily=True) as connection:
            before = _locked(connection, number)
            _require(before, epoch)
            if before.state.ended:
                raise StoreError(f"managed job {number} has {before.state}: nothing of it changes any more")
            return job_rows.write(connection, before, {**changes, "updated_at": self._database.now(connection)})

    def note(self, number: int, kind: str, reason: str = "") -> None:
        """Note something that happened to a job, other than a change of state, which notes itself."""
        with self._database.write(lazily=True) as connection:
            job = _got(connection, number)
            job_rows.append(connection, self._database.now(connection), [(job, None, reason)], kind)

    def cancel(self, numbers: Collection[int], *, reason: str = "") -> list[int]:
        """Ask that these end; the numbers of those that had not ended yet, in order.

        Those that wait for their turn end at once, as jobs that failed for those that come after them. The others do
        once the server that works on them (:meth:`cancelling`) has stopped them. Idempotent. With an unknown number
        nothing is cancelled.
        """
        with self._database.write() as connection:
            known = {bounded(number) for number in numbers}
            reached = closure(connection, known) | groups.members(connection, known)
            jobs = job_rows.locked(connection, reached, brief=True)
            for number in numbers:
                if number not in jobs:
                    raise _unknown(number)
            now = self._database.now(connection)
            asked = [jobs[number] for number in sorted(set(numbers)) if not jobs[number].state.ended]
            pending = [job for job in asked if job.state is ManagedState.PENDING]
            working = [job for job in asked if job.state is not ManagedState.PENDING and not job.cancelling]
            if working:
                change = {"cancelling": True, "updated_at": write_time(now)}
                connection.execute(job_rows.UPDATE, [{"number": job.id, **change} for job in working])
                job_rows.append(connection, now, [(job, None, reason) for job in working], "cancel")
            job_rows.end(connection, now, [(job, ManagedState.CANCELLED, reason) for job in pending])
            settle(connection, now, [job.id for job in pending])
            groups.close(connection, now, pending)
            return [job.id for job in asked]

    def cancelling(self, server: str) -> list[int]:
        """The numbers of this server's jobs that somebody wants to end, or whose group has no use for them any more."""
        with self._database.read() as connection:
            rows = connection.execute(_CANCELLING, {"name": server}).all()
            now = write_time(self._database.now(connection)) if any(not row.cancelling for row in rows) else ""
        return [row.id for row in rows if row.cancelling or row.stop_at <= now]

    def untold(self, limit: int = 100) -> list[ManagedJob]:
        """Jobs that ended as they waited for their turn, and of whose ends no server tells yet (:meth:`told`)."""
        with self._database.read() as connection:
            return [managed_job(row) for row in connection.execute(_UNTOLD, {"most": limit})]

    def told(self, numbers: Collection[int]) -> None:
        """Note that a server tells of the ends of these. Idempotent."""
        if numbers:
            with self._database.write(lazily=True) as connection:
                connection.execute(_TOLD, [{"number": bounded(number)} for number in sorted(numbers)])

    def at_work(self, server: str) -> list[int]:
        """The numbers of the jobs that this server has to work on, in order."""
        with self._database.read() as connection:
            return list(connection.scalars(_NUMBERS, {"name": server}))

    def under_way(self, server: str) -> list[ManagedJob]:
        """The jobs that this server has to work on, oldest first."""
        with self._database.read() as connection:
            return [managed_job(row) for row in connection.execute(_MINE, {"name": server})]

    def events(self, number: int, limit: int = 1000, *, before: int | None = None) -> list[JobEvent]:
        """The last ``limit`` things that happened to a job, ``before`` the one of that id, oldest first."""
        query = _NEWEST_EVENTS
        if before is not None:
            query = query.where(schema.job_events.c.id < bounded(before))
        with self._database.read() as connection:
            rows = connection.execute(query, {"number": bounded(number), "most": limit}).all()
            if not rows:
                _got(connection, number)
        return [job_event(row) for row in reversed(rows)]

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state, of those that have not ended; a state without any is left out."""
        with self._database.read() as connection:
            return {row.state: row.number for row in connection.execute(_COUNTS)}


def _got(connection: Connection, number: int, find: Select[Any] = _GET) -> ManagedJob:
    row = connection.execute(find, {"number": bounded(number)}).first()
    if row is None:
        raise _unknown(number)
    return managed_job(row)


def _locked(connection: Connection, number: int) -> ManagedJob:
    """The job, which nobody else can change until the transaction is over."""
    return _got(connection, number, _LOCK)


def _unknown(number: int) -> JobNotFound:
    return JobNotFound(f"no managed job {number}", hint="`styx jobs queue` lists the jobs there are.", job=number)


def _require(job: ManagedJob, epoch: int) -> None:
    if job.epoch != epoch:
        raise Superseded(f"managed job {job.id} was taken up anew: epoch {job.epoch}, and not {epoch}")


def _check(changes: Collection[str]) -> None:
    wrong = sorted(set(changes) - _CHANGEABLE)
    if wrong:
        raise TypeError(f"field {wrong[0]!r} of a managed job cannot be set this way")
