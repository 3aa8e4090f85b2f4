"""What happened to clusters. Events are only ever added, and stay when the cluster is gone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from styx.api.errors import BadInput
from styx.store import schema
from styx.store.database import Database
from styx.store.records import EventRecord
from styx.store.rows import bounded, event_record, plain, write_time

_INSERT = insert(schema.events)
_T = schema.events
_NEWEST = select(_T).order_by(_T.c.id.desc()).limit(bindparam("most"))


def append(
    connection: Connection,
    at: datetime,
    cluster: str,
    kind: str,
    *,
    from_state: str = "",
    to_state: str = "",
    reason: str = "",
) -> EventRecord:
    """Add an event in the caller's transaction, so that a change and its event are committed together."""
    reason = plain(reason)
    values = {
        "at": write_time(at),
        "cluster": cluster,
        "kind": kind,
        "from_state": from_state,
        "to_state": to_state,
        "reason": reason,
    }
    key = connection.execute(_INSERT, values).inserted_primary_key
    assert key is not None
    return EventRecord(key[0], at, cluster, kind, from_state, to_state, reason)


class Events:
    """The history of clusters. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, cluster: str, kind: str, reason: str = "", from_state: str = "", to_state: str = "") -> EventRecord:
        """Note something that happened, other than a change of state, which notes itself."""
        with self._database.write(lazily=True) as connection:
            now = self._database.now(connection)
            return append(connection, now, cluster, kind, from_state=from_state, to_state=to_state, reason=reason)

    def of(
        self, cluster: str | None, limit: int = 100, *, before: int | None = None, kind: str | None = None
    ) -> list[EventRecord]:
        """The last ``limit`` events under this cluster name, or of all, oldest first; also of clusters that are gone.

        Of them, those ``before`` the one of that id, and of one ``kind`` of a cluster. Raises BadInput for a kind
        without a cluster, which no index has.
        """
        if kind is not None and cluster is None:
            raise BadInput("events of one kind are those of one cluster", hint="Name the cluster.")
        wanted = {_T.c.cluster: cluster, _T.c.kind: kind}
        query = _NEWEST.where(*(column == plain(value) for column, value in wanted.items() if value is not None))
        if before is not None:
            query = query.where(_T.c.id < bounded(before))
        with self._database.read() as connection:
            rows = connection.execute(query, {"most": limit}).all()
        return [event_record(row) for row in reversed(rows)]
