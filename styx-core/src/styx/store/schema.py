"""Every table, once. Change one only together with a new revision below ``migrations/versions``.

Times are text, ISO 8601 in UTC with microseconds, so that they sort as written on either database; amounts of money are
decimal text; structured values are JSON text. ``rows.py`` translates. No column holds a secret.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text

# The newest revision below migrations/versions, known here so that opening a store does not import Alembic.
# Revisions are numbered with four digits and compare as text.
REVISION = "0005"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    },
)


def _texts(*names: str) -> list[Column[str]]:
    """Columns of text that are never NULL."""
    return [Column(name, Text, nullable=False) for name in names]


# Alembic's own table as it would make it, under a name that leaves room for other applications in the same database.
revisions = Table(
    "styx_revision",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="styx_revision_pkc"),
)

installations = Table("installation", metadata, Column("id", Text, primary_key=True))

clusters = Table(
    "clusters",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("slug", Text, nullable=False, unique=True),
    *_texts("state", "created_at", "updated_at"),
    Column("num_nodes", Integer, nullable=False),
    *_texts(
        "cloud", "account", "identity", "scope", "region", "zone", "instance_type", "resources", "request", "offer"
    ),
    Column("spot", Boolean, nullable=False),
    Column("hourly_cost", Text),
    Column("disk_hourly_cost", Text),
    *_texts("backend", "attempt", "task_name", "user"),
    Column("launched_at", Text),
    Column("autostop", Text),
    Column("autostop_set", Boolean, nullable=False),
    Column("error", Text),
    Column("operation", Text),
    Index("ix_clusters_created_at", "created_at", "id"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("cluster", Text, ForeignKey("clusters.name", ondelete="CASCADE"), primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    *_texts("node_id", "state"),
    Column("endpoint", Text),
    *_texts("private_ip", "public_ip", "host_key"),
    Column("seen_at", Text),
    Column("noticed_at", Text),
)

# No foreign key to clusters: a tombstone outlives its cluster.
attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", Text, nullable=False, unique=True),
    *_texts("cluster", "kind", "cloud", "account", "identity", "owner", "prepared", "state", "created_at"),
    Column("called_at", Text),
    Column("receipt", Text),
    Column("error", Text),
    Index("ix_attempts_cluster", "cluster", "id"),
    Index("ix_attempts_state", "state", "id"),
)

# No foreign key here either: history stays.
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    *_texts("at", "cluster", "kind", "from_state", "to_state", "reason"),
    Index("ix_events_cluster", "cluster", "id"),
)

# What each cluster was billed for, and for how long; kept after the cluster is gone. One that goes on has no end.
spans = Table(
    "spans",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cluster", Text, nullable=False),
    Column("born", Text, nullable=False),  # the cluster's created_at: another of the same name is another cluster
    *_texts("cloud", "account", "region", "instance_type", "resources"),
    Column("num_nodes", Integer, nullable=False),
    Column("spot", Boolean, nullable=False),
    *_texts("task_name", "user", "billing"),
    Column("hourly_cost", Text),
    Column("began_at", Text, nullable=False),
    Column("ended_at", Text),
    Index("ix_spans_cluster", "cluster", "id"),
    Index("ix_spans_ended_at", "ended_at", "id"),
)

# When each method of an account may be called again; the method "" is for all of them together.
turns = Table(
    "turns",
    metadata,
    Column("cloud", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("method", Text, primary_key=True),
    *_texts("taken_at", "free_at"),
)

# What providers refused, and until when nobody asks for it again; a part that is NULL covers all.
blocks = Table(
    "blocks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cloud", Text, nullable=False),
    Column("account", Text),
    Column("region", Text),
    Column("zone", Text),
    Column("instance_type", Text),
    Column("spot", Boolean),
    *_texts("code", "reason", "until"),
    Index("ix_blocks_until", "until", "id"),
)

# What of stores is mounted on the nodes of each cluster, to be mounted again after a start.
mounts = Table(
    "mounts",
    metadata,
    Column("cluster", Text, ForeignKey("clusters.name", ondelete="CASCADE"), primary_key=True),
    Column("target", Text, primary_key=True),
    *_texts("uri"),
    Column("cached", Boolean, nullable=False),
    Column("read_only", Boolean, nullable=False),
)

# Buckets that go when their cluster does. No foreign key: they may have to outlive it for a while.
buckets = Table(
    "buckets",
    metadata,
    Column("cluster", Text, primary_key=True),
    Column("uri", Text, primary_key=True),
)
