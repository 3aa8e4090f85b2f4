"""A copied home: the same installation once more, with other directories on the same machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styx.api import TransportError
from styx.api.backend import JobState
from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions
from styx.spec import Task

pytestmark = pytest.mark.timeout(120)


Act = Callable[[EmbeddedClient], object]
JOB = Task("t").run("echo here; sleep 100")


@pytest.fixture
def copied(home: Path, client: EmbeddedClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Act], object]]:
    """Does something in a copy of an installation whose cluster ``c`` runs a job."""
    client.launch(JOB, LaunchOptions(cluster="c"))
    next(iter(client.logs("c", 1)))  # it runs
    copy = home.with_name("copy")
    shutil.copytree(home, copy, symlinks=True, ignore=lambda _, names: [n for n in names if n.endswith(".sock")])

    def there(act: Act) -> object:
        monkeypatch.setenv("STYX_HOME", str(copy))
        other = EmbeddedClient()
        try:
            return act(other)
        finally:
            other.close()
            monkeypatch.setenv("STYX_HOME", str(home))

    yield there
    there(lambda other: [other.down(record.name) for record in other.status()])


def must_be_undisturbed(client: EmbeddedClient) -> None:
    """The original runs its one job."""
    assert [job.state for job in client.queue("c")] == [JobState.RUNNING]
    assert [record.state for record in client.status(refresh=True)] == ["up"]


@pytest.mark.parametrize("end", ["stop", "down"])
def test_ending_a_copy(client: EmbeddedClient, copied: Callable[[Act], object], end: str) -> None:
    """It ends nothing of the original's: neither its jobs, nor its agent, nor its files."""
    copied(lambda other: getattr(other, end)("c"))
    assert copied(lambda other: [record.state for record in other.status()]) == (["stopped"] if end == "stop" else [])
    must_be_undisturbed(client)


ACTS: dict[str, Act] = {
    "exec": lambda other: other.exec(JOB, "c"),
    "cancel": lambda other: other.cancel("c", None),
    "queue": lambda other: other.queue("c"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_jobs_of_a_copy(client: EmbeddedClient, copied: Callable[[Act], object], act: Act) -> None:
    """They are none of the original's: its agent is not asked, and in the copy there is none yet."""
    with pytest.raises(TransportError):
        copied(act)
    must_be_undisturbed(client)


@pytest.mark.parametrize("then", ["cancel", "stop", "down"])
def test_what_is_ended_on_a_copy_that_runs(client: EmbeddedClient, copied: Callable[[Act], object], then: str) -> None:
    """Its agent has taken over the table of the original's, and ends none of the jobs that run there."""
    copied(lambda other: other.launch(JOB, LaunchOptions(cluster="c")))
    assert copied(lambda other: other.wait("c", 1).state) is JobState.LOST
    copied(lambda other: other.cancel("c", None) if then == "cancel" else getattr(other, then)("c"))
    must_be_undisturbed(client)


def test_a_fast_launch_on_a_copy(client: EmbeddedClient, copied: Callable[[Act], object]) -> None:
    """It brings up the copy, and adds nothing to the jobs of the original."""
    assert copied(lambda other: other.launch(JOB, LaunchOptions(cluster="c", fast=True)).job_id) == 2
    must_be_undisturbed(client)
