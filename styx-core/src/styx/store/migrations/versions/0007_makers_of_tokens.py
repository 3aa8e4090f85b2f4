"""By which token a token was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    op.add_column("tokens", sa.Column("maker", sa.Text(), nullable=True))
