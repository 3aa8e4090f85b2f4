"""What happened to clusters. Events are only ever added, and stay when the cluster is gone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from styx.store import schema
from styx.store.database import Database
from styx.store.records import EventRecord
from styx.store.rows import event_record, plain, write_time

_INSERT = insert(schema.events)
_NEWEST = (
    select(schema.events)
    .where(schema.events.c.cluster == bindparam("cluster"))
    .order_by(schema.events.c.id.desc())
    .limit(bindparam("most"))
)


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

    def of(self, cluster: str, limit: int = 100) -> list[EventRecord]:
        """The last ``limit`` events under this cluster name, oldest first; also of clusters that are gone."""
        with self._database.read() as connection:
            rows = connection.execute(_NEWEST, {"cluster": cluster, "most": limit}).all()
        return [event_record(row) for row in reversed(rows)]
