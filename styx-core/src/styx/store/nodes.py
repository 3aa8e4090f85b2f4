"""The nodes of clusters as last seen. They go with their cluster."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from styx.api.errors import StoreError
from styx.store import schema, spans
from styx.store.claims import require_claim
from styx.store.clusters import locked
from styx.store.database import Database
from styx.store.events import append
from styx.store.records import EventRecord, Holder, NodeRecord
from styx.store.rows import all_columns, columns, node_record

_T = schema.nodes
_OF = select(_T).where(_T.c.cluster == bindparam("name")).order_by(_T.c.rank)
_DELETE = delete(_T).where(_T.c.cluster == bindparam("name"))
_INSERT = insert(_T)
_PIN = update(_T).where(_T.c.cluster == bindparam("name"), _T.c.rank == bindparam("which"))
_NOTICE = _PIN.where(_T.c.node_id == bindparam("id"), _T.c.noticed_at.is_(None))


class Nodes:
    """Nodes by cluster and rank. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, cluster: str) -> list[NodeRecord]:
        """The nodes of a cluster by rank; none when there is no such cluster."""
        with self._database.read() as connection:
            return [node_record(row) for row in connection.execute(_OF, {"name": cluster})]

    def replace(self, cluster: str, nodes: Sequence[NodeRecord], *, holder: Holder | None = None) -> None:
        """Make these, and no others, the nodes of the cluster. Idempotent.

        With ``holder``: raises ClusterBusy unless that holder holds the cluster.

        A host key that was pinned, and a notice, stay when the same node (rank and id) is written without one. What is
        left of a cluster that was taken back, or has failed, is what it is billed for from now on. Raises
        ClusterNotFound.
        """
        with self._database.write(lazily=True) as connection:
            record = locked(connection, cluster)
            require_claim(record, holder)
            known = {(row.rank, row.node_id): row for row in connection.execute(_OF, {"name": cluster})}
            rows = [all_columns(node) for node in nodes]
            for row in rows:
                row["cluster"] = cluster
                if (before := known.get((row["rank"], row["node_id"]))) is not None:
                    row["host_key"] = row["host_key"] or before.host_key
                    row["noticed_at"] = row["noticed_at"] or before.noticed_at
            connection.execute(_DELETE, {"name": cluster})
            if rows:
                connection.execute(_INSERT, rows)
            if record.state in spans.LEFT_IN_PART:
                spans.follow(connection, self._database.now(connection), record, record)

    def pin(self, cluster: str, rank: int, host_key: str) -> None:
        """Remember the node's host key (an OpenSSH public key). Raises StoreError when there is no such node."""
        with self._database.write() as connection:
            changed = connection.execute(_PIN, {"name": cluster, "which": rank, "host_key": host_key})
            if changed.rowcount == 0:
                raise StoreError(f"no node {rank} of cluster {cluster!r} is on record")

    def notice(self, cluster: str, rank: int, node_id: str, at: datetime, kind: str) -> EventRecord | None:
        """Note, with an event of this kind, that this very node was given notice at this time, by its own clock.

        None where that is known already, or where the node is not on record (any more).
        """
        with self._database.write() as connection:
            changes = {"name": cluster, "which": rank, "id": node_id, **columns({"noticed_at": at})}
            if connection.execute(_NOTICE, changes).rowcount == 0:
                return None
            reason = f"node {rank} is about to be taken back by its provider: it was given notice at {at:%H:%M:%S} UTC"
            return append(connection, self._database.now(connection), cluster, kind, reason=reason)
