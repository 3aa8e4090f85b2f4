"""What is on record where it cannot be written: even to read a database, SQLite needs a file beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from styx.store.faults import explain
from styx.store.memory import memory_path
from styx.store.peek import DATABASE_NAME
from styx.store.store import Store


def snapshot(home: Path, place: Path) -> Store:
    """A copy of the database of that home, in an empty directory: to be read and thrown away. Raises StoreError."""
    database = home / DATABASE_NAME
    log = database.with_name(DATABASE_NAME + "-wal")  # what a process that was killed has not put into it yet
    try:
        for source in (database, *(each for each in (log, memory_path(database)) if each.exists())):
            shutil.copyfile(source, place / source.name)
    except OSError as error:
        raise explain(error, str(database)) from error
    return Store.open(home=place)
