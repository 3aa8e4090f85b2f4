"""What Alembic runs for every command: the caller's connection and transaction, no logging, no files."""

from __future__ import annotations

from alembic import context

from styx.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.revisions.name,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
