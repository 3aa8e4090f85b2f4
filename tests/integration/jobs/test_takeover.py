"""Two servers on one store: what one leaves the other goes on with, and one that wakes up does nothing twice."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from styx.spec import Task
from styx.store.managed import ManagedState
from support.managed import Installation

pytestmark = pytest.mark.slow

SOON = "4"  # seconds without a sign of life until a server counts as dead


def once(tmp_path: Path, seconds: float) -> Task:
    """A job that leaves a line when it begins and when it ends."""
    return Task("once").run(f"echo begin | tee -a {tmp_path}/done; sleep {seconds}; echo end | tee -a {tmp_path}/done")


def test_the_jobs_of_a_dead_server_go_on_elsewhere(installation: Installation, tmp_path: Path) -> None:
    """At once, where its process can be seen to be gone; their logs go on as well."""
    first = installation.serve()
    (job,) = installation.submit(once(tmp_path, 4))
    before = installation.running(job)
    installation.serve()
    first.send_signal(signal.SIGKILL)
    began = time.monotonic()
    after = installation.wait(job, lambda found: found.server != before.server)
    assert time.monotonic() - began < 15
    assert after.epoch > before.epoch
    assert installation.ended(job).state is ManagedState.SUCCEEDED
    assert (tmp_path / "done").read_text() == installation.log(job) == "begin\nend\n"


def test_a_server_that_was_suspended_lets_go(installation: Installation, tmp_path: Path) -> None:
    """Another has its jobs after a while; when it wakes up it writes nothing, and works on under another id."""
    first = installation.serve("--ttl", SOON)
    (job,) = installation.submit(once(tmp_path, 8))
    before = installation.running(job)
    installation.suspend(first)
    second = installation.serve("--ttl", SOON)
    taken = installation.wait(job, lambda found: found.server != before.server and found.epoch > before.epoch + 1)
    os.kill(first.pid, signal.SIGCONT)
    found = installation.ended(job)
    assert (found.state, found.server, found.runs) == (ManagedState.SUCCEEDED, taken.server, 1)
    assert (tmp_path / "done").read_text() == installation.log(job) == "begin\nend\n"
    second.send_signal(signal.SIGKILL)
    (other,) = installation.submit(Task("after").run("true"))
    assert installation.ended(other).server not in (before.server, taken.server), "the first works again, as another"


@pytest.mark.parametrize("call", ["prepare", "submit"])
def test_a_server_that_was_suspended_as_it_launched(installation: Installation, tmp_path: Path, call: str) -> None:
    """What it held is free, and its orders come too late: the nodes have heard a later epoch. The job is run once."""
    first = installation.serve("--ttl", SOON, "--stop-before", call)
    (job,) = installation.submit(once(tmp_path, 6))
    installation.wait(job, lambda found: found.cluster != "")
    before = installation.store.jobs.get(job.id)
    installation.serve("--ttl", SOON)
    installation.wait(job, lambda found: found.state is ManagedState.RUNNING and found.server != before.server)
    os.kill(first.pid, signal.SIGCONT)
    found = installation.ended(job)
    assert (found.state, found.runs) == (ManagedState.SUCCEEDED, 1)
    assert (tmp_path / "done").read_text() == installation.log(job) == "begin\nend\n"
