"""Connections to a file: as many as there are who want one, and kept for whoever comes next."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import URL, text

from styx.api.errors import StoreError
from styx.store.database import Database

MANY = 40


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A file."""
    opened = Database(URL.create("sqlite", database=str(tmp_path / "state.db")))
    yield opened
    opened.close()


def test_nobody_waits_for_one(database: Database) -> None:
    """However many read at the same moment: a writer is not kept waiting by them either."""
    together = Barrier(MANY)

    def read() -> int:
        with database.read() as connection:
            together.wait(20)
            return int(connection.scalars(text("SELECT 1")).one())

    with ThreadPoolExecutor(MANY) as threads:
        assert sum(threads.map(lambda _: read(), range(MANY))) == MANY


def test_one_is_used_again(database: Database) -> None:
    """It is as a new one, whatever was done with it."""
    with database.write() as connection:
        connection.execute(text("CREATE TEMP TABLE mine (n)"))
    with database.read() as again:
        assert again.scalars(text("SELECT count(*) FROM mine")).one() == 0


def test_one_that_broke_is_not(database: Database) -> None:
    """Nothing of what failed is left behind for others."""

    def fail() -> None:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE ours (n)"))
            connection.execute(text("SELECT * FROM nothing"))

    with pytest.raises(StoreError):
        fail()
    with database.read() as another:
        assert another.scalars(text("SELECT count(*) FROM sqlite_master")).one() == 0
