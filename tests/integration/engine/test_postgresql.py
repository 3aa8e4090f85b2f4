"""The engine on a shared database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions
from styx.spec import Task
from styx.store.states import ClusterState
from support import postgres

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def url() -> Iterator[str]:
    """A new database on a server of its own."""
    try:
        with postgres.server() as server:
            yield postgres.new_database(server, "styx")
    except postgres.Unavailable as why:
        pytest.skip(str(why))


def test_two_clients_share_it(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one client launches another sees, uses and removes; no SQLite file is made beside it."""
    monkeypatch.setenv("STYX_DATABASE_URL", url)
    first, second = EmbeddedClient(), EmbeddedClient()
    try:
        first.launch(Task("hello").run("echo hello"), LaunchOptions(cluster="c"))
        (record,) = second.status()
        assert record.state is ClusterState.UP
        job = second.exec(Task("again").run("echo again"), "c").job_id
        assert b"".join(chunk.data for chunk in second.logs("c", job)) == b"again\n"
        second.stop("c")
        assert first.status()[0].state is ClusterState.STOPPED
        first.start("c")
        second.down("c")
        assert first.status() == []
        assert [event.kind for event in first.history("c")][-1] == "removed"
    finally:
        first.close()
        second.close()
        monkeypatch.delenv("STYX_DATABASE_URL")
    assert not (home / "state.db").exists()
