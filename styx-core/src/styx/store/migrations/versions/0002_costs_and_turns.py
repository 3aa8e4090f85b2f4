"""What clusters have cost, what a stopped one costs, and when an account may be called again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Those that were in use when this was not noted yet are billed since they were last set up.
_IN_USE = """
INSERT INTO spans (cluster, born, cloud, account, region, instance_type, resources, num_nodes, spot, task_name, "user",
                   billing, hourly_cost, began_at)
SELECT name, created_at, cloud, account, region, instance_type, resources, num_nodes, spot, task_name, "user",
       'full', hourly_cost, COALESCE(launched_at, updated_at)
FROM clusters WHERE state IN ('provisioning', 'setting_up', 'up', 'stopping', 'starting', 'settling', 'unknown')
"""


def upgrade() -> None:
    """Add the tables and the column, and begin a span for each cluster that runs."""
    op.add_column("clusters", sa.Column("disk_hourly_cost", sa.Text(), nullable=True))
    op.create_table(
        "spans",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("cluster", "born", "cloud", "account", "region", "instance_type", "resources"),
        sa.Column("num_nodes", sa.Integer(), nullable=False),
        sa.Column("spot", sa.Boolean(), nullable=False),
        *_texts("task_name", "user", "billing"),
        *_texts("hourly_cost", nullable=True),
        *_texts("began_at"),
        *_texts("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_spans"),
    )
    op.create_index("ix_spans_cluster", "spans", ["cluster", "id"])
    op.create_index("ix_spans_ended_at", "spans", ["ended_at", "id"])
    op.create_table(
        "turns",
        *_texts("cloud", "account", "method", "taken_at", "free_at"),
        sa.PrimaryKeyConstraint("cloud", "account", "method", name="pk_turns"),
    )
    op.execute(_IN_USE)


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]
