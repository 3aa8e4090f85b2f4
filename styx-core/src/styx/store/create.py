"""Making a database, and bringing an older one up to date. Safe when many processes do it at once."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from sqlalchemy import URL, Connection, insert, inspect, select
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from styx.api.errors import StoreError
from styx.api.names import new_installation_id
from styx.store import schema
from styx.store.database import Database
from styx.store.faults import damaged, explain
from styx.store.memory import Memory, recall, remember


def create_file(path: Path) -> None:
    """Make a complete SQLite database at ``path`` unless something is there. Raises StoreError.

    It is built under another name and linked into place, so that nobody ever sees a half-made one and of many
    processes one wins. Only the user can read it.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            return
        try:
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            database = Database(URL.create("sqlite", database=str(draft)))
            try:
                ensure_schema(database)
                with database.read() as connection:  # closing does so too, and says nothing when the disk is full
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                database.close()
            _link(draft, path)
        finally:
            for suffix in ("", "-wal", "-shm"):
                draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise explain(error, str(path)) from error


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was first, with a database as good as ours
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def ensure_schema(database: Database) -> None:
    """Bring the tables to this version's revision. Raises StoreError, also when the database is newer than this code.

    When there is nothing to do this costs one SELECT.
    """
    revision = _revision(database)
    if revision == schema.REVISION:
        return
    _refuse_newer(revision, database)
    with database.write() as connection:
        database.alone(connection, "schema")
        _upgrade(connection, database)


def installation(database: Database) -> Memory:
    """The id of this installation, made on first use; that of an earlier database in the same place, if there was one.

    ``remade`` says when this database took the place of the one before.
    """
    place = Path(database.url.database or "").absolute() if database.sqlite else None
    known = recall(place) if place is not None else None
    found, made = _installation(database, known.installation if known else new_installation_id())
    if known is not None and known.installation == found and not made:
        return known
    memory = Memory(found, database.now() if made and known is not None else None)
    if place is not None:
        remember(place, memory)
    return memory


def _installation(database: Database, proposed: str) -> tuple[str, bool]:
    """The id on record, and whether it was put there now."""
    known = select(schema.installations.c.id)
    with database.read() as connection:
        found = connection.scalar(known)
    if found is not None:
        return str(found), False
    with database.write() as connection:
        database.alone(connection, "schema")
        found = connection.scalar(known)
        if found is not None:
            return str(found), False
        connection.execute(insert(schema.installations), {"id": proposed})
    return proposed, True


def _upgrade(connection: Connection, database: Database) -> None:
    present = set(inspect(connection).get_table_names())
    if schema.revisions.name not in present:
        _refuse_foreign(present, database)
        schema.metadata.create_all(connection, checkfirst=False)
        connection.execute(insert(schema.revisions), {"version_num": schema.REVISION})
        return
    revision = connection.scalar(select(schema.revisions.c.version_num))
    _refuse_newer(revision, database)
    if revision != schema.REVISION:
        from styx.store.migrate import upgrade

        upgrade(connection)


def _revision(database: Database) -> str | None:
    """The revision on record; None when the table is not there yet."""
    try:
        with database.read() as connection:
            return connection.scalar(select(schema.revisions.c.version_num))
    except StoreError as error:
        cause = error.__cause__
        if isinstance(cause, OperationalError | ProgrammingError) and _no_such_table(cause):
            return None
        raise


def _no_such_table(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "42P01" or str(error.orig).startswith("no such table")


def _refuse_newer(revision: str | None, database: Database) -> None:
    if revision is not None and revision > schema.REVISION:
        raise StoreError(
            f"the database {database.label} was written by a newer Styx (revision {revision}; this one knows"
            f" {schema.REVISION})",
            hint="Upgrade Styx here: `pip install --upgrade styx-core`.",
        )


def _refuse_foreign(present: set[str], database: Database) -> None:
    """A SQLite file is ours alone; a PostgreSQL database may be shared as long as our names are free."""
    taken = present if database.sqlite else present & set(schema.metadata.tables)
    if taken:
        raise damaged(database.label, f"it has a table {min(taken)!r} that is not ours")
