"""PostgreSQL that was restarted, or ended our connections: who comes later has nothing of it."""

from __future__ import annotations

import psycopg
import pytest

from styx.store import Store, database

_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"


@pytest.mark.parametrize("new_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("fresh", [-1.0, 60.0])
def test_connections_that_were_ended(store: Store, url: str, monkeypatch: pytest.MonkeyPatch, fresh: float) -> None:
    """One that lay unused is asked first, one that was used a moment ago says so itself; each is made anew."""
    monkeypatch.setattr(database, "_FRESH", fresh)
    assert store.users.list() == []
    _end_connections(url)
    assert store.users.list() == []


def _end_connections(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(_END, [connection.info.backend_pid])
