"""What is over and has been kept for long enough goes, a few rows at a time: nobody waits longer for one batch.

Every method looks at one batch of what comes ``after`` a place, removes what of it may go, and says which place is
next: None at the end. To call one again, or from several processes at once, removes nothing that it should not. The
newest entry of a table always stays, for SQLite gives a number twice once the row that had it last is gone.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, Table, bindparam, delete, func, or_, select

from styx.store import schema
from styx.store.database import Database
from styx.store.rows import loaded_tuple, write_time

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

BATCH = 100  # rows; with what belongs to them some milliseconds of SQLite's only lock for writing

_J, _E, _R, _A, _T = schema.managed_jobs, schema.job_events, schema.requests, schema.answers, schema.tokens
_AFTER: BindParameter[int] = bindparam("after")
_THEN: BindParameter[str] = bindparam("then")
_THESE: BindParameter[Any] = bindparam("these", expanding=True)
_LATEST = {table: select(func.max(table.c.id)) for table in (_J, schema.audit, schema.events)}
_AUDIT = select(schema.audit.c.id, schema.audit.c.at).where(schema.audit.c.id > _AFTER).order_by(schema.audit.c.id)
_EVENTS = (
    select(schema.events.c.id, schema.events.c.at, schema.clusters.c.id.label("there"))
    .outerjoin(schema.clusters, schema.clusters.c.name == schema.events.c.cluster)
    .where(schema.events.c.id > _AFTER)
    .order_by(schema.events.c.id)
)
_ENDED = (
    select(_J.c.id, _J.c.created_at, _J.c.ended_at, _J.c.needed_by)
    .where(_J.c.ended, _J.c.id > _AFTER)
    .order_by(_J.c.id)
)
_GOING_ON = select(_J.c.id).where(_J.c.id.in_(_THESE), ~_J.c.ended)
_ENDS = select(_J.c.id, _J.c.ended_at).where(_J.c.id.in_(_THESE))
_PAST = select(_R.c.id).where(_R.c.created_at <= _THEN, _R.c.ended_at <= _THEN).order_by(_R.c.created_at, _R.c.id)
_SPENT = select(_T.c.id).where(
    or_(_T.c.revoked_at <= _THEN, _T.c.expires_at <= _THEN),
    _T.c.id.not_in(select(_T.c.maker).where(_T.c.maker.is_not(None))),
)
_ANSWERED = select(_A.c.user, _A.c.key).where(_A.c.created_at <= _THEN).order_by(_A.c.created_at)
_DROP_ANSWER = delete(_A).where(_A.c.user == bindparam("who"), _A.c.key == bindparam("which"), _A.c.created_at <= _THEN)


class Pruning:
    """Forgets. Every method may raise StoreError; ``before`` is the time up to which what ended, or was noted, goes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def answers(self, before: datetime, after: int = 0) -> int | None:
        """What was answered under idempotency keys."""
        then = write_time(before)
        with self._database.read() as connection:
            rows = connection.execute(_ANSWERED.limit(BATCH), {"then": then}).all()
        if rows:
            with self._database.write(lazily=True) as connection:
                connection.execute(_DROP_ANSWER, [{"who": row.user, "which": row.key, "then": then} for row in rows])
        return after if len(rows) == BATCH else None

    def requests(self, before: datetime, after: int = 0) -> int | None:
        """Requests that have ended."""
        with self._database.read() as connection:
            found = list(connection.scalars(_PAST.limit(BATCH), {"then": write_time(before)}))
        self._drop(_R, found)
        return after if len(found) == BATCH else None

    def audit(self, before: datetime, after: int = 0) -> int | None:
        """Entries of the audit log."""
        return self._noted(schema.audit, _AUDIT, before, after)

    def tokens(self, before: datetime, after: int = 0) -> int | None:
        """Tokens that count no more, and made none that is on record: what was made by a token goes with it."""
        with self._database.read() as connection:
            found = list(connection.scalars(_SPENT.limit(BATCH), {"then": write_time(before)}))
        self._drop(_T, found)
        return after if len(found) == BATCH else None

    def events(self, before: datetime, after: int = 0) -> int | None:
        """What happened to clusters that are not there any more."""
        return self._noted(schema.events, _EVENTS, before, after)

    def jobs(self, before: datetime, after: int = 0) -> int | None:
        """Managed jobs that have ended, with what happened to them; none whose outputs another may still be given."""
        then = write_time(before)
        with self._database.read() as connection:
            rows = connection.execute(_ENDED.limit(BATCH), {"after": after}).all()
            over = {row.id: loaded_tuple(row.needed_by) for row in rows if row.ended_at <= then}
            needing = {each for some in over.values() for each in some}
            going_on = set(connection.scalars(_GOING_ON, {"these": list(needing)}) if needing else ())
            latest = connection.scalar(_LATEST[_J])
        self._drop(_J, [job for job, some in over.items() if job != latest and going_on.isdisjoint(some)])
        return _next(rows, "created_at", then)

    def kept(self, jobs: Collection[int], before: datetime | None) -> set[int]:
        """Those of these jobs that are on record and had not ended by then; None: all that are on record."""
        with self._database.read() as connection:
            rows = connection.execute(_ENDS, {"these": list(jobs)}).all()
        then = None if before is None else write_time(before)
        return {row.id for row in rows if then is None or row.ended_at is None or row.ended_at > then}

    def _noted(self, table: Table, find: Any, before: datetime, after: int) -> int | None:
        then = write_time(before)
        with self._database.read() as connection:
            rows = connection.execute(find.limit(BATCH), {"after": after}).all()
            latest = connection.scalar(_LATEST[table])
        self._drop(
            table, [row.id for row in rows if row.at <= then and row.id != latest and not getattr(row, "there", None)]
        )
        return _next(rows, "at", then)

    def _drop(self, table: Table, rows: Sequence[Any]) -> None:
        """Remove rows, with their events; those that somebody else has locked are for another time."""
        if not rows:
            return
        lock = select(table.c.id).where(table.c.id.in_(_THESE)).order_by(table.c.id).with_for_update(skip_locked=True)
        with self._database.write(lazily=True) as connection:
            found = {"these": list(connection.scalars(lock, {"these": rows}))}
            if table is _J:
                connection.execute(delete(_E).where(_E.c.job.in_(_THESE)), found)
            connection.execute(delete(table).where(table.c.id.in_(_THESE)), found)


def _next(rows: Sequence[Any], column: str, then: str) -> int | None:
    """Where to go on: numbers grow with time, so after a row that is too young all are."""
    if len(rows) < BATCH or getattr(rows[-1], column) > then:
        return None
    return int(rows[-1].id)
