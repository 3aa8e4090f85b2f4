"""Running Alembic inside a transaction that is already open. Imported only when there is something to migrate."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from styx.store import schema

SCRIPTS = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings for our scripts, without any file; ``env.py`` takes the connection from here."""
    settings = Config()
    settings.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def upgrade(connection: Connection, revision: str = schema.REVISION) -> None:
    """Run every migration up to ``revision``. The caller holds the write transaction and commits it."""
    command.upgrade(config(connection), revision)
