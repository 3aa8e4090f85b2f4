"""Managed jobs straight on the store: what needs a server starts one, and what does not works without."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import styx
from styx.api import JobNotFound, PluginError
from styx.client import local
from styx.client.embedded import EmbeddedClient
from styx.jobs.model import JobOptions
from styx.store.managed import JobQuery
from support.job_records import serve, started

TASK = styx.Task("t").run("true").secrets(TOKEN="hunter2")


@pytest.fixture
def client() -> Iterator[EmbeddedClient]:
    """A client of an empty installation."""
    made = EmbeddedClient()
    yield made
    made.close()


@pytest.fixture
def needed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has a word each time that a server is needed."""
    calls: list[str] = []
    monkeypatch.setattr(local, "ensure", lambda: calls.append("server"))
    return calls


def test_nothing_is_handed_in_where_no_server_can_run(client: EmbeddedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would ever work on it."""
    monkeypatch.setitem(sys.modules, "dbos", None)
    with pytest.raises(PluginError, match="managed jobs need a server"):
        client.jobs.submit(TASK, JobOptions())
    with pytest.raises(PluginError, match="managed jobs need a server"):
        client.jobs.submit_dag(styx.Dag("d"), JobOptions())
    assert client.jobs.list(JobQuery()) == []


def test_handing_in(client: EmbeddedClient, needed: list[str]) -> None:
    """A job is on record, its user's, with its secrets sealed; the same key again is the same job."""
    (job,) = client.jobs.submit(TASK, JobOptions(priority=7), key="k")
    assert (needed, job.user, job.priority) == (["server"], client.engine.context.user, 7)
    assert job.sealed is not None
    assert "hunter2" not in str(job)
    assert client.jobs.submit(TASK, JobOptions(priority=7), key="k") == [job]
    with styx.Dag("d") as dag:
        styx.Task("a").run("true") >> styx.Task("b").run("true")
    one, two = client.jobs.submit_dag(dag, JobOptions())
    assert (two.needs, [each.id for each in client.jobs.list(JobQuery(group=one.group))]) == (
        (one.id,),
        [two.id, one.id],
    )


def test_looking_needs_no_server(client: EmbeddedClient, needed: list[str]) -> None:
    """What is on record can be read, and what only waits can be ended, without a server."""
    (job,) = client.jobs.submit(TASK, JobOptions())
    needed.clear()
    assert client.jobs.get(job.id) == job
    assert [event.to_state for event in client.jobs.events(job.id)] == ["pending"]
    assert list(client.jobs.logs(job.id, follow=False)) == []
    assert client.jobs.cancel([job.id]) == [job.id]
    assert client.jobs.wait(job.id).state == "cancelled"
    assert list(client.jobs.logs(job.id)) == []
    with pytest.raises(JobNotFound):
        client.jobs.wait(99)
    assert needed == []


def test_ending_what_runs_needs_a_server(client: EmbeddedClient, needed: list[str]) -> None:
    """Somebody has to stop it and to remove its cluster."""
    serve(client.store, "s")
    job = started(client.store, "a")
    assert client.jobs.cancel([job.id]) == [job.id]
    assert needed == ["server"]
