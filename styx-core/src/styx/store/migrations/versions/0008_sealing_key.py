"""Under which key secrets are sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column."""
    op.add_column("installation", sa.Column("sealing_key", sa.Text(), nullable=True))
