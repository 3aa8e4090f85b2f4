"""When nodes were given notice that they are taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    op.add_column("nodes", sa.Column("noticed_at", sa.Text(), nullable=True))
