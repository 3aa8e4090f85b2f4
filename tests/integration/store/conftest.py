"""Databases to open: SQLite always, PostgreSQL where a server can be run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styx.store import Store
from support import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server."""
    try:
        with postgres.server() as url:
            yield url
    except postgres.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes the URL of a database that is empty (PostgreSQL) or not there yet (SQLite)."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{secrets.token_hex(4)}/state.db"
    server = request.getfixturevalue("postgres_server")
    return lambda: postgres.new_database(server, f"styx_{secrets.token_hex(4)}")


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """The URL of one such database."""
    return new_url()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store on it."""
    with Store.open(url) as opened:
        yield opened
