"""Rows of managed jobs and their events, written inside a caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, bindparam, insert, literal_column, select, update

from styx.store import schema
from styx.store.managed import ANYBODY, ManagedJob, ManagedState
from styx.store.rows import columns, managed_job, plain, write_time

_T = schema.managed_jobs
_Columns = dict[str, ColumnElement[Any]]
_ALL: _Columns = {each.name: -_T.c.turn if each.name == "priority" else _T.c[each.name] for each in fields(ManagedJob)}
_LEFT_OUT: _Columns = {name: literal_column("'{}'").label(name) for name in ("task", "options")}
SELECT = select(*_ALL.values())
BRIEF = select(*(_ALL | _LEFT_OUT).values())  # without what may be large
UPDATE = update(_T).where(_T.c.id == bindparam("number"))
_THESE = _T.c.id.in_(bindparam("numbers", expanding=True))
_LOCK, _LOCK_BRIEF = (some.where(_THESE).order_by(_T.c.id).with_for_update() for some in (SELECT, BRIEF))
_APPEND = insert(schema.job_events)
_AT_ONCE = 10_000  # fewer than either database takes as parameters of one statement

KeyT = TypeVar("KeyT")
# A job, the state it goes to (None: it stays), and why.
Change = tuple[ManagedJob, ManagedState | None, str]


def locked(connection: Connection, numbers: Collection[int], *, brief: bool = False) -> dict[int, ManagedJob]:
    """Those of these jobs that are on record, by number; nobody else can change them until the transaction is over.

    ``brief`` leaves out what may be large, as it does of a page.
    """
    return {
        row.id: managed_job(row)
        for some in chunks(sorted(set(numbers)))
        for row in connection.execute(_LOCK_BRIEF if brief else _LOCK, {"numbers": some})
    }


def write(connection: Connection, before: ManagedJob, changes: Mapping[str, Any]) -> ManagedJob:
    """Set fields of a job; the job as it is then."""
    after = replace(before, **changes)
    connection.execute(UPDATE, {"number": before.id, **columns(changes), "ended": after.state.ended})
    return after


def ending(now: datetime) -> dict[str, Any]:
    """What changes of a job when it ends, apart from its state."""
    return {"ended_at": now, "sealed": None}


def end(connection: Connection, now: datetime, jobs: Sequence[tuple[ManagedJob, ManagedState, str]]) -> None:
    """End jobs that wait for their turn, each as the state given and for the reason given; some server tells of it."""
    if jobs:
        same = {**columns({"updated_at": now, "server": ANYBODY, **ending(now)}), "ended": True}
        ends = [{"number": job.id, "state": state.value, "reason": plain(why), **same} for job, state, why in jobs]
        connection.execute(UPDATE, ends)
        append(connection, now, jobs)


def append(connection: Connection, now: datetime, changes: Iterable[Change], kind: str = "state") -> None:
    """Add an event for each of these, in the same transaction as what it tells of."""
    at = write_time(now)
    connection.execute(
        _APPEND,
        [
            {
                "at": at,
                "job": job.id,
                "kind": kind,
                "from_state": "" if to in (None, job.state) else job.state.value,
                "to_state": "" if to is None else to.value,
                "reason": plain(why),
            }
            for job, to, why in changes
        ],
    )


def chunks(keys: Sequence[KeyT]) -> Iterable[Sequence[KeyT]]:
    """As many at once as one statement takes."""
    return (keys[at : at + _AT_ONCE] for at in range(0, len(keys), _AT_ONCE))
