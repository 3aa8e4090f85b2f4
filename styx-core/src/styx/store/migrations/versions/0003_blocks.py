"""What providers refused, for all launches to know."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "blocks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cloud", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("account", "region", "zone", "instance_type")),
        sa.Column("spot", sa.Boolean(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("code", "reason", "until")),
        sa.PrimaryKeyConstraint("id", name="pk_blocks"),
    )
    op.create_index("ix_blocks_until", "blocks", ["until", "id"])
