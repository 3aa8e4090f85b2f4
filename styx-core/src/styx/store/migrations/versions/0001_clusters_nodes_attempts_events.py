"""Clusters, nodes, attempts, events and the installation id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "installation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )
    _clusters()
    _nodes()
    _attempts()
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("at", "cluster", "kind", "from_state", "to_state", "reason"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_cluster", "events", ["cluster", "id"])


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _clusters() -> None:
    op.create_table(
        "clusters",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("name", "slug", "state", "created_at", "updated_at"),
        sa.Column("num_nodes", sa.Integer(), nullable=False),
        *_texts("cloud", "account", "identity", "scope", "region", "zone", "instance_type", "resources"),
        *_texts("request", "offer"),
        sa.Column("spot", sa.Boolean(), nullable=False),
        *_texts("hourly_cost", nullable=True),
        *_texts("backend", "attempt", "task_name", "user"),
        *_texts("launched_at", "autostop", nullable=True),
        sa.Column("autostop_set", sa.Boolean(), nullable=False),
        *_texts("error", "operation", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_clusters"),
        sa.UniqueConstraint("name", name="uq_clusters_name"),
        sa.UniqueConstraint("slug", name="uq_clusters_slug"),
    )
    op.create_index("ix_clusters_created_at", "clusters", ["created_at", "id"])


def _nodes() -> None:
    op.create_table(
        "nodes",
        *_texts("cluster"),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        *_texts("node_id", "state"),
        *_texts("endpoint", nullable=True),
        *_texts("private_ip", "public_ip", "host_key"),
        *_texts("seen_at", nullable=True),
        sa.PrimaryKeyConstraint("cluster", "rank", name="pk_nodes"),
        sa.ForeignKeyConstraint(["cluster"], ["clusters.name"], name="fk_nodes_cluster", ondelete="CASCADE"),
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("token", "cluster", "kind", "cloud", "account", "identity", "owner", "prepared", "state", "created_at"),
        *_texts("called_at", "receipt", "error", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint("token", name="uq_attempts_token"),
    )
    op.create_index("ix_attempts_cluster", "attempts", ["cluster", "id"])
    op.create_index("ix_attempts_state", "attempts", ["state", "id"])
