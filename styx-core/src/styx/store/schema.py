"""Every table, once. Change one only together with a new revision below ``migrations/versions``.

Times are text, ISO 8601 in UTC with microseconds, so that they sort as written on either database; amounts of money are
decimal text; structured values are JSON text. ``rows.py`` translates. No column holds a secret.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

# The newest revision below migrations/versions, known here so that opening a store does not import Alembic.
# Revisions are numbered with four digits and compare as text.
REVISION = "0009"

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

installations = Table(
    "installation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sealing_key", Text),  # what the key is called under which secrets are sealed
)

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

# The newest row never goes, so that no number is given twice. What GET /v1/jobs filters by has an index that ends with
# the id.
managed_jobs = Table(
    "managed_jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    *_texts("name", "state", "created_at", "updated_at", "task", "options"),
    Column("sealed", Text),
    *_texts("user", "pool", "group"),
    Column("rank", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    *_texts("needs", "needed_by"),
    Column("waiting", Integer, nullable=False),
    Column("turn", Integer, nullable=False),  # the priority, negated: the highest is the first in the index
    *_texts("server"),
    Column("epoch", Integer, nullable=False),
    *_texts("cluster"),
    Column("cluster_job", Integer),
    Column("runs", Integer, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("recoveries", Integer, nullable=False),
    Column("cancelling", Boolean, nullable=False),
    *_texts("reason"),
    Column("error", Text),
    Column("exit_code", Integer),
    *_texts("outputs"),
    Column("cost", Text),
    Column("started_at", Text),
    Column("ended_at", Text),
    Column("ended", Boolean, nullable=False),
    Column("primary", Boolean),
    Column("grace", Float),  # seconds
    Column("stop_at", Text),
    Index("ix_managed_jobs_state", "state", "id"),
    Index("ix_managed_jobs_ended", "ended", "id"),
    Index("ix_managed_jobs_user", "user", "id"),
    Index("ix_managed_jobs_user_state", "user", "state", "id"),
    Index("ix_managed_jobs_user_ended", "user", "ended", "id"),
    Index("ix_managed_jobs_name", "name", "id"),
    Index("ix_managed_jobs_group", "group", "id"),
    Index("ix_managed_jobs_pool", "pool", "id"),
    Index("ix_managed_jobs_server", "server", "state", "id"),
    Index("ix_managed_jobs_turn", "state", "waiting", "turn", "id", "user", "pool"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("job", Integer, nullable=False),
    *_texts("kind", "from_state", "to_state", "reason"),
    Index("ix_job_events_job", "job", "id"),
)

# Servers that work on this store. One whose time is over has left its work to the others.
servers = Table(
    "servers",
    metadata,
    Column("id", Text, primary_key=True),
    *_texts("host"),
    Column("pid", Integer, nullable=False),
    *_texts("started", "boot_id", "version", "url", "started_at", "seen_at", "expires_at"),
)

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    *_texts("role", "created_at"),
    Column("disabled", Boolean, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user", Text, ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    *_texts("name", "digest", "scopes", "created_at"),
    Column("expires_at", Text),
    Column("revoked_at", Text),
    Column("used_at", Text),
    Column("maker", Text),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    *_texts("at", "user", "token", "address", "method", "path"),
    Column("status", Integer, nullable=False),
    *_texts("request"),
    Index("ix_audit_user", "user", "id"),
)

# What takes a while, and goes on without the client that asked for it.
requests = Table(
    "requests",
    metadata,
    Column("id", Text, primary_key=True),
    *_texts("kind", "user", "state", "created_at", "updated_at", "arguments"),
    Column("sealed", Text),
    *_texts("server"),
    Column("epoch", Integer, nullable=False),
    Column("cancelling", Boolean, nullable=False),
    Column("result", Text),
    Column("error", Text),
    Column("ended_at", Text),
    Index("ix_requests_created_at", "created_at", "id"),
    Index("ix_requests_user", "user", "created_at", "id"),
    Index("ix_requests_server", "server", "state"),
)

# What was answered under idempotency keys.
answers = Table(
    "answers",
    metadata,
    Column("user", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    *_texts("fingerprint"),
    Column("status", Integer, nullable=False),
    *_texts("body", "created_at"),
    Column("server", Text, nullable=False, server_default=text("''")),  # which older servers do not give
    Index("ix_answers_created_at", "created_at"),
)
