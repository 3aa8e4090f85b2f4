"""What is mounted on the nodes of clusters, and the buckets that go with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "mounts",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("cluster", "target", "uri")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("cached", "read_only")),
        sa.PrimaryKeyConstraint("cluster", "target", name="pk_mounts"),
        sa.ForeignKeyConstraint(["cluster"], ["clusters.name"], name="fk_mounts_cluster_clusters", ondelete="CASCADE"),
    )
    op.create_table(
        "buckets",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("cluster", "uri")),
        sa.PrimaryKeyConstraint("cluster", "uri", name="pk_buckets"),
    )
