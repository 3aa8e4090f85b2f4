"""Which commits wait for the disk: those from which something outside of the database follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL

from styx.api.launch import Receipt
from styx.store import Store
from styx.store.access import AuditEntry
from styx.store.database import Database
from styx.store.holder import current
from styx.store.records import AttemptRecord, AttemptState
from styx.store.states import ClusterState
from support.records import attempt, cluster

NORMAL, FULL = 1, 2  # see PRAGMA synchronous


def test_a_commit_is_synced_unless_it_may_be_lazy(tmp_path: Path) -> None:
    """Each says so for itself, on whatever connection it runs."""
    database = Database(URL.create("sqlite", database=str(tmp_path / "state.db")))
    found = []
    for lazily in (False, True, False):
        with database.write(lazily=lazily) as connection:
            found.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
    assert found == [FULL, NORMAL, FULL]
    database.close()


@pytest.fixture
def synced(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], bool]:
    """Whether what is called commits with a sync."""
    real, said = Database.write, []

    def write(self: Database, *, lazily: bool = False) -> object:
        said.append(not lazily)
        return real(self, lazily=lazily)

    monkeypatch.setattr(Database, "write", write)

    def look(call: Callable[[], object]) -> bool:
        said.clear()
        call()
        (found,) = said
        return found

    return look


def test_nobody_is_called_before_that_is_on_the_disk(store: Store, synced: Callable[..., bool]) -> None:
    """The intent may be lazy. That somebody is to be called is not, nor what was answered, nor what is given up."""
    store.clusters.create(cluster("c"))
    intent: AttemptRecord = attempt("t")
    holder = current()
    store.clusters.acquire("c", "launch", holder, 60)
    assert not synced(lambda: store.attempts.add(intent))
    assert synced(lambda: store.attempts.called("t", store.now()))
    assert synced(lambda: store.attempts.answered(intent, Receipt("t", {0: "m-1"}), store.now(), holder))
    assert synced(lambda: store.attempts.settle("t", AttemptState.TOMBSTONE))
    assert synced(lambda: store.attempts.give_up("c", holder=holder))


def test_what_ends_machines_is_on_the_disk_before(store: Store, synced: Callable[..., bool]) -> None:
    """States on the way up are lazy, for what was asked for is on record; those on the way down are not."""
    store.clusters.create(cluster("c", state=ClusterState.PLANNING))
    for state in (ClusterState.PROVISIONING, ClusterState.SETTING_UP, ClusterState.UP):
        assert not synced(lambda to=state: store.clusters.transition("c", to))
    for state in (ClusterState.STOPPING, ClusterState.TERMINATING):
        assert synced(lambda to=state: store.clusters.transition("c", to))


def test_who_is_refused_makes_nobody_wait(store: Store, synced: Callable[..., bool]) -> None:
    """What was done is on the disk with who did it; that nothing was done may be lost with the power."""
    entry = AuditEntry(0, store.now(), "ada", "t", "10.0.0.1", "POST", "/v1/jobs", 201, "r")
    assert synced(lambda: store.audit.add(entry))
    assert not synced(lambda: store.audit.add(replace(entry, status=403)))
