"""The client that runs the engine inside this process."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from styx import sdk
from styx.api import BadInput, JobInfo, JobState, LogChunk, StoreError
from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions
from styx.config import home
from styx.spec import Task
from styx.store import Store
from styx.store.database import Database
from styx.store.faults import explain
from styx.store.records import AttemptState, Operation
from styx.store.states import ClusterState
from support.records import HOLDER, NOW, attempt, cluster

MANY = 16


def test_threads_share_one_engine() -> None:
    """Threads that use a fresh client at the same moment open one store, one loop and one engine between them."""
    client = EmbeddedClient()
    together = threading.Barrier(MANY)

    def use(_: int) -> tuple[int, int, int]:
        together.wait()
        return id(client.engine), id(client.loop), id(client.store)

    with ThreadPoolExecutor(MANY) as threads:
        seen = set(threads.map(use, range(MANY)))
    client.close()
    assert len(seen) == 1


def test_threads_share_the_loop_of_the_sdk() -> None:
    """However many threads call the SDK first, it has one event loop."""
    together = threading.Barrier(MANY)

    def use(_: int) -> int:
        together.wait()
        return id(sdk.loop())

    with ThreadPoolExecutor(MANY) as threads:
        assert len(set(threads.map(use, range(MANY)))) == 1


def test_a_name_that_no_cluster_can_have() -> None:
    """It is refused before offers are shown and consent is asked for."""
    client = EmbeddedClient()
    with pytest.raises(BadInput, match=r"'d\*' is not a cluster name"):
        client.explain(Task().run("true"), LaunchOptions(cluster="d*"))
    assert client._engine is None
    client.close()


def test_a_job_that_wrote_nothing_is_downloaded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a file for each node, with what it wrote, however little; what an earlier download left is replaced."""
    job = JobInfo(3, "", JobState.RUNNING, NOW, num_nodes=2)
    chunks = [LogChunk(1, 0, b"a"), LogChunk(1, 1, b"b")]
    client = EmbeddedClient()
    monkeypatch.setattr(client, "queue", lambda name: [job])
    monkeypatch.setattr(client, "job", lambda name, number: job)
    monkeypatch.setattr(client, "logs", lambda name, number, follow: iter(chunks))
    for numbers in ([], [3]):
        files = client.download_logs("c", numbers, tmp_path)
        assert [(path.relative_to(tmp_path).as_posix(), path.read_bytes()) for path in files] == [
            ("c/job-3/rank-0.log", b""), ("c/job-3/rank-1.log", b"ab"),
        ]  # fmt: skip


def test_what_was_given_up_is_told_until_a_cluster_stands_for_it() -> None:
    """A tombstone counts as long as no cluster on record has its attempt: then whoever works on that removes it."""
    client = EmbeddedClient()
    given_up = attempt(state=AttemptState.TOMBSTONE)
    client.store.attempts.add(given_up)
    assert client.given_up() == [given_up.cluster]
    client.store.clusters.create(cluster(name=given_up.cluster, attempt=given_up.owner.attempt))
    assert client.given_up() == []
    client.close()


def test_a_loss_is_told_until_a_complete_search_finds_nothing() -> None:
    """A database that was made anew is told of; once nothing without a record is anywhere, there is nothing to tell."""
    EmbeddedClient().store.close()
    (home() / "config.yaml").write_text("allowed_clouds: [local]\n")  # others may be installed, and out of reach
    for path in home().glob("state.db*"):
        path.unlink()
    client = EmbeddedClient()
    assert client.lost() is not None
    assert client.orphans().orphans == ()
    assert client.lost() is None
    client.close()
    again = EmbeddedClient()
    assert again.lost() is None
    again.close()


def test_what_is_billed_right_now() -> None:
    """A launch that failed without a machine costs nothing any more, whatever it would cost if it were up."""
    with Store.open() as store:
        for name in ("failed", "up"):
            store.clusters.create(cluster(name, ClusterState.PROVISIONING, hourly_cost=Decimal("1.50")))
        store.clusters.transition("failed", ClusterState.FAILED)
        assert store.clusters.get("failed").hourly_cost == Decimal("1.50")  # type: ignore[union-attr]
    client = EmbeddedClient()
    assert client.billed() == {"up": Decimal("1.50")}
    client.close()


@pytest.fixture
def recorded() -> Iterator[EmbeddedClient]:
    """A client of an installation whose only cluster has to be looked at."""
    with Store.open() as store:
        store.clusters.create(cluster("c", ClusterState.PROVISIONING))
    client = EmbeddedClient()
    yield client
    client.close()


def test_a_claim_ends_by_the_clock_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another host works on is looked at once its claim is over for all, whatever the clock of this one says."""
    client, hour = EmbeddedClient(), timedelta(hours=1)
    client._store = Store.open(home=home(), clock=lambda: NOW + hour)
    client._store.clusters.create(cluster("c", operation=Operation("launch", HOLDER, NOW + hour / 2)))
    monkeypatch.setattr(EmbeddedClient, "engine", SimpleNamespace(status=lambda *_, **__: ["looked at"]))
    monkeypatch.setattr(EmbeddedClient, "loop", SimpleNamespace(run=list))
    assert client.status() == ["looked at"]
    client.close()


def full(*_: object, **__: object) -> NoReturn:
    """What the database says on a full disk."""
    cause = sqlite3.OperationalError("database or disk is full")
    cause.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise explain(cause, "state.db") from cause


@pytest.mark.parametrize("refresh", [False, True])
def test_a_database_that_cannot_be_written(
    recorded: EmbeddedClient, monkeypatch: pytest.MonkeyPatch, refresh: bool
) -> None:
    """What is on record is told all the same, with the reason why nothing was looked at."""
    monkeypatch.setattr(Database, "write", full)
    assert [record.name for record in recorded.status(refresh=refresh)] == ["c"]
    assert "is full" in str(recorded.outdated())
    monkeypatch.undo()
    recorded.status(["c"])
    assert recorded.outdated() is None


def test_a_database_that_cannot_be_opened(recorded: EmbeddedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of it is read; nothing that is to be changed goes there."""
    opened = Store.open

    def refuse(*args: Any, **options: Any) -> Store:
        return full() if options["home"] == home() else opened(*args, **options)

    monkeypatch.setattr(Store, "open", refuse)
    assert [record.name for record in recorded.status()] == ["c"]
    assert [event.kind for event in recorded.history("c")] == ["created"]
    assert (recorded.lost(), recorded.given_up(), recorded.nodes("c")) == (None, [], [])
    with pytest.raises(StoreError, match="is full"):
        recorded.down("c")


def test_a_database_in_the_home_that_is_not_used(tmp_path: Path) -> None:
    """Settings that name another one do not hide what the one in the home has on record, unless it is the same."""
    with Store.open(home=home()) as store:
        store.clusters.create(cluster("dev"))
    settings = home() / "config.yaml"
    for database, expected in (("", []), (f"{tmp_path}/other.db", ["dev"]), (f"{home()}/state.db", [])):
        settings.write_text(f"database: sqlite:///{database}\n" if database else "")
        client = EmbeddedClient()
        assert client.passed_over() == expected
        client.close()
