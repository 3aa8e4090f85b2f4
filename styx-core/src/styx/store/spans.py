"""What clusters were billed for, noted as they change state, in the same transaction as the change.

A cluster is billed in full from the moment its machines were asked for until nothing of it is there any more, where
some of its nodes have gone for the others, and for its disks while it is stopped, if the provider said what those cost.
While it cannot be seen its last price counts on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, case, delete, exists, func, insert, or_, select, update

from styx.store import schema
from styx.store.database import Database
from styx.store.records import AttemptState, ClusterRecord, Span
from styx.store.rows import all_columns, span_record, write_time
from styx.store.states import ClusterState

FULL, DISK_ONLY = "full", "disk_only"

_S = ClusterState
_IN_FULL = frozenset({_S.PROVISIONING, _S.SETTING_UP, _S.UP, _S.STARTING})
LEFT_IN_PART = frozenset({_S.PREEMPTED, _S.FAILED})
_NOT_AT_ALL = frozenset({_S.PLANNING, _S.LOST})

_T, _A, _N = schema.spans, schema.attempts, schema.nodes
_GOING_ON = select(_T).where(_T.c.ended_at.is_(None))
_OPEN = _GOING_ON.where(_T.c.cluster == bindparam("key"))
_END = update(_T).where(_T.c.id == bindparam("key"))
_DROP = delete(_T).where(_T.c.id == bindparam("key"))
_OF = select(_T).where(_T.c.cluster.in_(bindparam("names", expanding=True))).order_by(_T.c.id)
_INSERT = insert(_T)
_ANSWERED = select(_A.c.owner, _A.c.state).where(_A.c.cluster == bindparam("key"), _A.c.receipt.is_not(None))
_HAS_NODES = select(exists().where(_N.c.cluster == bindparam("key")))
_NODES = select(func.count()).select_from(_N).where(_N.c.cluster == bindparam("key"))


def follow(connection: Connection, now: datetime, before: ClusterRecord | None, after: ClusterRecord | None) -> None:
    """End and begin spans as this change of a cluster asks for; None is before it was made, and after it is gone."""
    record = after or before
    assert record is not None
    row = connection.execute(_OPEN, {"key": record.name}).first()
    present = None if row is None else span_record(row)
    wanted = None if after is None else _wanted(connection, now, before, after, present)
    if row is not None and present is not None:
        if wanted is not None and _same(present, wanted):
            return
        if wanted is None and before is not None and not _made(connection, before):
            connection.execute(_DROP, {"key": row.id})  # the provider gave nothing, so nothing was billed
        else:
            connection.execute(_END, {"key": row.id, "ended_at": write_time(now)})
    if wanted is not None:
        connection.execute(_INSERT, all_columns(wanted))


class Paid(NamedTuple):
    """What was billed at one price (USD per hour) to one account for one user, for so long in all."""

    cloud: str
    account: str
    user: str
    hourly_cost: Decimal
    seconds: Decimal


class Billed:
    """What counts when something is added to what is billed: read in one transaction, as of ``now``.

    The cluster that is added, ``but``, does not count as it is now, only for what it was billed so far.
    """

    def __init__(self, connection: Connection, now: datetime, but: str) -> None:
        self.now = now
        self._connection = connection
        self._but = but

    def going_on(self) -> list[Span]:
        """What is billed right now, of all clusters but this one."""
        return [span for span in self._spans(_GOING_ON) if span.cluster != self._but]

    def ended(self, since: datetime) -> list[Paid]:
        """What is over, added up from that moment on; with what this cluster was billed so far, as if it ended now."""
        began = case((_T.c.began_at < bindparam("since"), bindparam("since")), else_=_T.c.began_at)
        whose = _T.c.cloud, _T.c.account, _T.c.user, _T.c.hourly_cost
        query = (
            select(*whose, func.sum(Database.seconds(self._connection, began, _T.c.ended_at)).label("seconds"))
            .where(_T.c.ended_at > bindparam("since"), _T.c.hourly_cost.is_not(None))
            .group_by(*whose)
        )
        rows = self._connection.execute(query, {"since": write_time(since)})
        over = [
            Paid(row.cloud, row.account, row.user, Decimal(row.hourly_cost), Decimal(round(row.seconds * 1000)) / 1000)
            for row in rows
        ]
        mine = [
            Paid(span.cloud, span.account, span.user, span.hourly_cost, span.seconds(since, self.now))
            for span in self._spans(_GOING_ON)
            if span.cluster == self._but and span.hourly_cost is not None
        ]
        return over + mine

    def _spans(self, query: Select[Any]) -> Iterator[Span]:
        return map(span_record, self._connection.execute(query))


class Spans:
    """What was billed. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def going_on(self) -> Sequence[Span]:
        """What is billed right now."""
        with self._database.read() as connection:
            return [span_record(row) for row in connection.execute(_GOING_ON)]

    def since(self, moment: datetime | None = None) -> Sequence[Span]:
        """What was billed at any time after this moment, or ever; oldest first."""
        with self._database.read() as connection:
            return [span_record(row) for row in connection.execute(_since(moment))]

    def of(self, clusters: Collection[str]) -> Sequence[Span]:
        """What was ever billed for clusters of these names; oldest first."""
        with self._database.read() as connection:
            return [span_record(row) for row in connection.execute(_OF, {"names": sorted(clusters)})]

    @contextmanager
    def billed(self, but: str) -> Iterator[Billed]:
        """What counts beside this cluster, as it is now."""
        with self._database.read() as connection:
            yield Billed(connection, self._database.now(connection), but)


def _since(moment: datetime | None) -> Select[Any]:
    query = select(_T).order_by(_T.c.id)
    return query if moment is None else query.where(or_(_T.c.ended_at.is_(None), _T.c.ended_at > write_time(moment)))


def _wanted(
    connection: Connection, now: datetime, before: ClusterRecord | None, after: ClusterRecord, present: Span | None
) -> Span | None:
    """The span that should go on after the change."""
    billing = _billing(connection, before, after, present)
    cost = after.disk_hourly_cost if billing == DISK_ONLY else _full_cost(connection, before, after, present)
    if billing is None or (billing == DISK_ONLY and not cost):
        return None
    return Span(
        cluster=after.name,
        born=after.created_at,
        cloud=after.cloud,
        account=after.account,
        region=after.region,
        instance_type=after.instance_type,
        resources=after.resources,
        num_nodes=after.num_nodes,
        spot=after.spot,
        task_name=after.task_name,
        user=after.user,
        billing=billing,
        hourly_cost=cost,
        began_at=now,
    )


def _full_cost(
    connection: Connection, before: ClusterRecord | None, after: ClusterRecord, present: Span | None
) -> Decimal | None:
    """What the nodes cost that are there; of a cluster that was taken up the price is that of those that were found."""
    cost = after.hourly_cost
    if cost is not None and after.state in LEFT_IN_PART and "ports" in after.request:  # else it was taken up
        left = _left(connection, after)
        return cost * left / after.num_nodes if 0 < left < after.num_nodes else cost
    if present is None or before is None or present.billing != FULL or before.hourly_cost != cost:
        return cost
    return cost if after.state in _IN_FULL | LEFT_IN_PART else present.hourly_cost  # as it was before


def _billing(
    connection: Connection, before: ClusterRecord | None, after: ClusterRecord, present: Span | None
) -> str | None:
    if after.state in _IN_FULL:
        return FULL
    if after.state is _S.PREEMPTED:
        return FULL if _some_are_left(connection, after) else None
    if after.state is _S.STOPPED:
        return DISK_ONLY
    if after.state in _NOT_AT_ALL or (after.state is _S.FAILED and not _alive(connection, after)):
        return None
    # Taken up again after the database was lost; or a launch that is given up, and not all of it is known to be gone.
    if before is None or (after.state is _S.FAILED and before.state is _S.PLANNING):
        return FULL
    return None if present is None else present.billing  # as it was before it could not be seen, or began to go


def _alive(connection: Connection, cluster: ClusterRecord) -> bool:
    """Whether something of a failed cluster may still be there, as far as was seen or answered."""
    if connection.scalar(_HAS_NODES, {"key": cluster.name}):
        return True
    rows = connection.execute(_ANSWERED, {"key": cluster.name})
    return any(_of(row.owner, cluster) and row.state != AttemptState.CLOSED for row in rows)


def _some_are_left(connection: Connection, cluster: ClusterRecord) -> bool:
    """Whether some nodes have gone, and others not. Where no node is left, all of before are on record, or none."""
    return 0 < _left(connection, cluster) < cluster.num_nodes


def _left(connection: Connection, cluster: ClusterRecord) -> int:
    """How many of its nodes were there when it was seen last."""
    return connection.scalar(_NODES, {"key": cluster.name}) or 0


def _made(connection: Connection, cluster: ClusterRecord) -> bool:
    """Whether the provider has ever made anything for the present attempt, as far as was answered or seen."""
    if cluster.launched_at is not None or connection.scalar(_HAS_NODES, {"key": cluster.name}):
        return True
    return any(_of(row.owner, cluster) for row in connection.execute(_ANSWERED, {"key": cluster.name}))


def _of(owner: str, cluster: ClusterRecord) -> bool:
    return owner.endswith(f"/{cluster.slug}/{cluster.attempt}")


def _same(present: Span, wanted: Span) -> bool:
    """Whether the one that goes on says it all."""
    return (present.born, present.billing, present.hourly_cost, present.cloud, present.account) == (
        wanted.born, wanted.billing, wanted.hourly_cost, wanted.cloud, wanted.account,
    )  # fmt: skip
