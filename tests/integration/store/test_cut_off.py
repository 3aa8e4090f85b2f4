"""PostgreSQL that was restarted, or ended our connections: who comes later has nothing of it."""

from __future__ import annotations

import psycopg
import pytest

from styx.api.errors import StoreError
from styx.store import Store, database

_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"


@pytest.mark.parametrize("new_url", ["postgresql"], indirect=True)
def test_connections_that_were_ended(store: Store, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lay unused is asked first, and made anew; one that was used a moment ago fails once, and only once."""
    assert store.users.list() == []
    _end_connections(url)
    with pytest.raises(StoreError):
        store.users.list()
    assert store.users.list() == []
    _end_connections(url)
    monkeypatch.setattr(database, "_FRESH", -1.0)
    assert store.users.list() == []


def _end_connections(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(_END, [connection.info.backend_pid])
