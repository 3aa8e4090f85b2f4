"""How much there is of everything, for who watches over an installation. Each is read by an index, or of a small table.

Jobs that have ended are not counted: there may be millions of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import bindparam, func, select

from styx.store import schema
from styx.store.access import RequestState
from styx.store.database import Database
from styx.store.managed import ENDED, ManagedState
from styx.store.records import EventRecord
from styx.store.rows import event_record, span_record, write_time

_J, _C, _R, _S, _E = schema.managed_jobs, schema.clusters, schema.requests, schema.servers, schema.events
_JOBS = (
    select(_J.c.state, (_J.c.waiting > 0).label("waits"), func.count().label("number"))
    .where(_J.c.state.in_([state.value for state in ManagedState if state not in ENDED]))
    .group_by(_J.c.state, "waits")  # by its name: PostgreSQL does not see that the expression is the same
)
_CLUSTERS = select(_C.c.state, func.count().label("number")).group_by(_C.c.state)
_REQUESTS = (
    select(_R.c.kind, func.count().label("number"))
    .where(_R.c.server.in_(select(_S.c.id)), _R.c.state == RequestState.RUNNING.value)
    .group_by(_R.c.kind)
)
_SERVERS = select(func.count()).select_from(_S).where(_S.c.expires_at > bindparam("now"))
_BILLED = select(schema.spans).where(schema.spans.c.ended_at.is_(None))
_NEWEST = select(func.max(_E.c.id))
_AFTER = (
    select(_E)
    .where(_E.c.id > bindparam("number"), _E.c.kind == bindparam("of_kind"))
    .order_by(_E.c.id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One moment. ``queued`` are the jobs that only wait for their turn, not for jobs that they need.

    ``hourly_cost`` is USD by cloud and account; ``unpriced`` are the clusters whose price is not known.
    """

    at: datetime
    jobs: Mapping[str, int]  # by state, of those that have not ended
    queued: int
    clusters: Mapping[str, int]  # by state
    requests: Mapping[str, int]  # under way, by kind
    servers: int  # whose time is not over
    hourly_cost: Mapping[tuple[str, str], Decimal]
    unpriced: int


class Watch:
    """What is read again and again. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def figures(self) -> Figures:
        """How much there is now, read in one go."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            jobs = connection.execute(_JOBS).all()
            clusters = {row.state: row.number for row in connection.execute(_CLUSTERS)}
            requests = {row.kind: row.number for row in connection.execute(_REQUESTS)}
            servers = connection.scalar(_SERVERS, {"now": write_time(now)}) or 0
            billed = [span_record(row) for row in connection.execute(_BILLED)]
        states = Counter[str]()
        for row in jobs:
            states[row.state] += row.number
        queued = sum(row.number for row in jobs if row.state == ManagedState.PENDING.value and not row.waits)
        costs: dict[tuple[str, str], Decimal] = {}
        for span in billed:
            place = span.cloud, span.account
            costs[place] = costs.get(place, Decimal(0)) + (span.hourly_cost or 0)
        unpriced = sum(span.hourly_cost is None for span in billed)
        return Figures(now, states, queued, clusters, requests, servers, costs, unpriced)

    def newest_event(self) -> int:
        """The number of the last event of any cluster; 0 where there was none."""
        with self._database.read() as connection:
            return connection.scalar(_NEWEST) or 0

    def events(self, kind: str, after: int, most: int) -> list[EventRecord]:
        """The next events of this kind with higher numbers, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_AFTER, {"number": after, "of_kind": kind, "most": most})
            return [event_record(row) for row in rows]
