"""Cluster records: reading them, changing them under the lock, and claiming them for one operation at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from styx.api.errors import ClusterBusy, ClusterNotFound, StoreError
from styx.store import schema, spans
from styx.store.claims import busy, free, holds, require_claim
from styx.store.database import Database
from styx.store.events import append
from styx.store.records import AttemptState, ClusterRecord, EventRecord, Holder, Operation
from styx.store.rows import all_columns, as_is, cluster_record, columns, write_time
from styx.store.states import ClusterState, legal

_T = schema.clusters
_GET = select(_T).where(_T.c.name == bindparam("key"))
_HELD = select(_T).where(_T.c.operation.is_not(None)).order_by(_T.c.name).with_for_update()
_LOCK = _GET.with_for_update()
_SAME_NAME = select(_T).where(or_(_T.c.name == bindparam("key"), _T.c.slug == bindparam("slug_key")))
_NEWEST_FIRST = select(_T).order_by(_T.c.created_at.desc(), _T.c.id.desc())
_INSERT = insert(_T)
_UPDATE = update(_T).where(_T.c.name == bindparam("key"))
_DELETE = delete(_T).where(_T.c.name == bindparam("key"))
_DELETE_ATTEMPTS = delete(schema.attempts).where(
    schema.attempts.c.cluster == bindparam("key"), schema.attempts.c.state == AttemptState.CLOSED.value
)
_ALONE = select(schema.installations).with_for_update()  # whoever has this row is the only one to count money

# Asked about a change before it is made: the cluster as it would be, and what is billed beside it. Raises to stop.
Within = Callable[[ClusterRecord, spans.Billed], None]

_FIELDS = frozenset(field.name for field in fields(ClusterRecord))
# On the way up: before anything is asked for there is a synced commit (Attempts.called), and what was is seen again.
_LAZY = frozenset({ClusterState.PLANNING, ClusterState.PROVISIONING, ClusterState.SETTING_UP, ClusterState.UP})
# Changed by their own methods only, or never.
_CHANGEABLE = _FIELDS - {"name", "slug", "state", "created_at", "updated_at", "operation"}


class Clusters:
    """Clusters by name.

    Every method may raise StoreError; one that is given a name that is not on record raises ClusterNotFound, except
    where it says otherwise.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, record: ClusterRecord) -> ClusterRecord:
        """Add a cluster, with its operation if it has one, so that creating and claiming are one step.

        Raises ClusterBusy when the name, or another that makes the same slug, is on record.
        """
        values = all_columns(record)
        try:
            with self._database.write(lazily=True) as connection:
                connection.execute(_INSERT, values)
                now = self._database.now(connection)
                append(connection, now, record.name, "created", to_state=record.state)
                if record.state is not ClusterState.PLANNING:  # it has been there for a while
                    spans.follow(connection, min(record.launched_at or now, now), None, record)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise self._taken(record) from error
            raise
        return record

    def get(self, name: str) -> ClusterRecord | None:
        """The cluster, or None."""
        with self._database.read() as connection:
            row = connection.execute(_GET, {"key": name}).first()
        return None if row is None else cluster_record(row)

    def list(self, names: Collection[str] = (), states: Collection[ClusterState] | None = None) -> list[ClusterRecord]:
        """Clusters with these names (all when empty) in these states (any when None), newest first."""
        query = _NEWEST_FIRST
        if names:
            query = query.where(_T.c.name.in_(names))
        if states is not None:
            query = query.where(_T.c.state.in_([state.value for state in states]))
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [cluster_record(row) for row in rows]

    def page(
        self,
        names: Collection[str] = (),
        *,
        state: ClusterState | None = None,
        user: str | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> Sequence[ClusterRecord]:
        """One page of clusters, newest first; ``after`` is when the last one of the page before was made, and its name.

        It may be gone by now.
        """
        query = _NEWEST_FIRST.limit(limit)
        if names:
            query = query.where(_T.c.name.in_(names))
        if state is not None:
            query = query.where(_T.c.state == state.value)
        if user is not None:
            query = query.where(_T.c.user == as_is(user))
        if after is not None:
            made, name = after
            its_id = select(_T.c.id).where(_T.c.name == as_is(name)).scalar_subquery()
            query = query.where(tuple_(_T.c.created_at, _T.c.id) < tuple_(write_time(made), func.coalesce(its_id, 0)))
        with self._database.read() as connection:
            return [cluster_record(row) for row in connection.execute(query)]

    def update(self, name: str, *, holder: Holder | None = None, **changes: Any) -> ClusterRecord:
        """Set fields. With ``holder``: raises ClusterBusy unless that holder holds the cluster."""
        return self.modify(name, lambda _: changes, holder=holder)

    def modify(
        self, name: str, change: Callable[[ClusterRecord], Mapping[str, Any]], *, holder: Holder | None = None
    ) -> ClusterRecord:
        """Set fields to what ``change`` makes of the present record, without anybody writing in between.

        ``change`` runs inside the transaction: keep it short and call nothing else from it.
        """
        with self._database.write() as connection:
            before = locked(connection, name)
            require_claim(before, holder)
            now = self._database.now(connection)
            after = _write(connection, before, {**_checked(change(before)), "updated_at": now})
            if (before.hourly_cost, before.disk_hourly_cost) != (after.hourly_cost, after.disk_hourly_cost):
                spans.follow(connection, now, before, after)
            return after

    def transition(
        self,
        name: str,
        to: ClusterState,
        *,
        reason: str = "",
        holder: Holder | None = None,
        within: Within | None = None,
        **changes: Any,
    ) -> tuple[ClusterRecord, EventRecord]:
        """Move to another state, set fields, note what is billed from now on, and write the event, all or nothing.

        ``within`` may stop it: it is told what the cluster would be and what the others cost, and nothing changes in
        between. Keep it short and call nothing else from it. Raises what it raises, StoreError when the move is not
        legal, ClusterBusy when ``holder`` is given and does not hold the cluster.
        """
        _checked(changes)
        with self._database.write(lazily=to in _LAZY) as connection:
            if within is not None:
                connection.execute(_ALONE)
            before = locked(connection, name)
            require_claim(before, holder)
            if not legal(before.state, to):
                raise StoreError(f"cluster {name!r} cannot go from {before.state} to {to}")
            now = self._database.now(connection)
            if within is not None:
                within(replace(before, state=to, **changes), spans.Billed(connection, now, but=name))
            after = _write(connection, before, {"state": to, "updated_at": now, **changes})
            spans.follow(connection, now, before, after)
            event = append(connection, now, name, "state", from_state=before.state, to_state=to, reason=reason)
        return after, event

    def acquire(self, name: str, kind: str, holder: Holder, ttl: float) -> ClusterRecord:
        """Claim the cluster for one operation for ``ttl`` seconds, to be renewed. Idempotent for one holder.

        Raises ClusterBusy, naming who has it, unless it is free, the claim on it has expired, or the claiming process
        ran on this machine and is dead.
        """
        with self._database.write(lazily=True) as connection:
            before = locked(connection, name)
            now = self._database.now(connection)
            if not free(before.operation, holder, now):
                raise busy(name, before.operation)
            return _write(connection, before, {"operation": Operation(kind, holder, now + timedelta(seconds=ttl))})

    def release_all(self, process: Holder) -> Sequence[str]:
        """End every claim of a process that others take for dead, wherever it runs; the names of the clusters.

        Should it live after all, it has lost them: whatever it still writes of them is refused.
        """
        with self._database.write(lazily=True) as connection:
            held = [cluster_record(row) for row in connection.execute(_HELD)]
            its = [each for each in held if each.operation is not None and _same(each.operation.holder, process)]
            for record in its:
                _write(connection, record, {"operation": None})
            return [record.name for record in its]

    def renew(self, name: str, holder: Holder, ttl: float) -> bool:
        """Hold on for ``ttl`` seconds from now. False when another has taken the cluster or it is gone."""
        with suppress(ClusterNotFound), self._database.write(lazily=True) as connection:
            before = locked(connection, name)
            if before.operation is None or not holds(before.operation, holder):
                return False
            until = self._database.now(connection) + timedelta(seconds=ttl)
            _write(connection, before, {"operation": Operation(before.operation.kind, holder, until)})
            return True
        return False

    def release(self, name: str, holder: Holder) -> None:
        """Let go. Idempotent; nothing happens when the cluster is gone or somebody else's."""
        with suppress(ClusterNotFound), self._database.write(lazily=True) as connection:
            before = locked(connection, name)
            if holds(before.operation, holder):
                _write(connection, before, {"operation": None})

    def remove(self, name: str, reason: str, *, holder: Holder | None = None) -> EventRecord:
        """Forget the cluster, its nodes and its closed attempts.

        Its history stays, and so do attempts that are not closed: what they may have left must still be found.
        """
        with self._database.write(lazily=True) as connection:
            before = locked(connection, name)
            require_claim(before, holder)
            now = self._database.now(connection)
            spans.follow(connection, now, before, None)
            connection.execute(_DELETE, {"key": name})  # its nodes go with it
            connection.execute(_DELETE_ATTEMPTS, {"key": name})
            return append(connection, now, name, "removed", from_state=before.state, reason=reason)

    def _taken(self, record: ClusterRecord) -> ClusterBusy:
        with self._database.read() as connection:
            row = connection.execute(_SAME_NAME, {"key": record.name, "slug_key": record.slug}).first()
        present = None if row is None else cluster_record(row)
        if present is not None and present.operation is not None:
            return busy(present.name, present.operation)
        other = record.name if present is None else present.name
        return ClusterBusy(
            f"there is a cluster named {other!r} already",
            hint=f"Run on it with `styx exec {other}`, or choose another name.",
            cluster=other,
        )


def locked(connection: Connection, name: str) -> ClusterRecord:
    """The record, which nobody else can change until the transaction is over. Raises ClusterNotFound."""
    row = connection.execute(_LOCK, {"key": name}).first()
    if row is None:
        raise ClusterNotFound(f"there is no cluster {name!r}", hint="`styx status` lists the clusters.", cluster=name)
    return cluster_record(row)


def _write(connection: Connection, before: ClusterRecord, changes: Mapping[str, Any]) -> ClusterRecord:
    connection.execute(_UPDATE, {"key": before.name, **columns(changes)})
    return replace(before, **changes)


def _checked(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    wrong = sorted(set(changes) - _CHANGEABLE)
    if wrong:
        raise TypeError(f"field {wrong[0]!r} of a cluster cannot be set this way")
    return changes


def _same(holder: Holder, process: Holder) -> bool:
    """Whether that holder is of this process: each operation has one of its own."""
    return (holder.host, holder.pid, holder.started, holder.boot_id) == (
        process.host, process.pid, process.started, process.boot_id,
    )  # fmt: skip
