"""What clusters have in stores: the places mounted on their nodes, and the buckets that go when they do."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, select

from styx.store import schema
from styx.store.clusters import locked
from styx.store.database import Database
from styx.store.records import MountRecord
from styx.store.rows import all_columns, mount_record

_M, _B = schema.mounts, schema.buckets
_OF = select(_M).where(_M.c.cluster == bindparam("name")).order_by(_M.c.target)
_AT = delete(_M).where(_M.c.cluster == bindparam("name"), _M.c.target == bindparam("place"))
_INSERT = insert(_M)
_BUCKETS = select(_B.c.uri).where(_B.c.cluster == bindparam("name")).order_by(_B.c.uri)
_BUCKET = select(_B).where(_B.c.cluster == bindparam("name"), _B.c.uri == bindparam("which"))
_LEFT = select(_B.c.cluster, _B.c.uri).where(_B.c.cluster.not_in(select(schema.clusters.c.name)))
_CLAIM = insert(_B)
_RELEASE = delete(_B).where(_B.c.cluster == bindparam("name"), _B.c.uri == bindparam("which"))


class Mounts:
    """Mounts and buckets by cluster. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, cluster: str) -> list[MountRecord]:
        """What is mounted on the nodes of a cluster, by target."""
        with self._database.read() as connection:
            return [mount_record(row) for row in connection.execute(_OF, {"name": cluster})]

    def add(self, mounts: Sequence[MountRecord]) -> None:
        """Remember mounts; each takes the place of one at the same target. Raises ClusterNotFound."""
        with self._database.write() as connection:
            for mount in mounts:
                locked(connection, mount.cluster)
                connection.execute(_AT, {"name": mount.cluster, "place": mount.target})
                connection.execute(_INSERT, all_columns(mount))

    def claim(self, cluster: str, uri: str) -> None:
        """Remember a bucket that is to go with the cluster. Idempotent."""
        with self._database.write() as connection:
            locked(connection, cluster)
            if connection.execute(_BUCKET, {"name": cluster, "which": uri}).first() is None:
                connection.execute(_CLAIM, {"cluster": cluster, "uri": uri})

    def buckets(self, cluster: str) -> list[str]:
        """The URIs of the buckets that are to go with the cluster, or were: they stay until they are released."""
        with self._database.read() as connection:
            return list(connection.scalars(_BUCKETS, {"name": cluster}))

    def left(self) -> list[tuple[str, str]]:
        """Buckets whose cluster has gone without them, with its name."""
        with self._database.read() as connection:
            return [(cluster, uri) for cluster, uri in connection.execute(_LEFT)]

    def release(self, cluster: str, uri: str) -> None:
        """Forget a bucket, which is gone. Idempotent."""
        with self._database.write() as connection:
            connection.execute(_RELEASE, {"name": cluster, "which": uri})
