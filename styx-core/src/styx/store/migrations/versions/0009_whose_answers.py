"""Which server works on an answer: what a dead one had begun is for the next who asks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column, which servers of the version before go on without."""
    op.add_column("answers", sa.Column("server", sa.Text(), nullable=False, server_default=sa.text("''")))
