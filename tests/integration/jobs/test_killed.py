"""The server of a managed job is killed, whatever it is doing: the job is done once, and is not lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from styx.jobs.model import JobOptions
from styx.spec import Task
from styx.store.managed import ManagedJob, ManagedState
from support.managed import Installation, Nursery, lives
from support.scripted_http import Script

pytestmark = pytest.mark.slow

MOST = 200  # writes for one job


@pytest.mark.timeout(600)
def test_killed_before_each_write(installation: Installation, tmp_path: Path) -> None:
    """Right before the first write for a job, before the second, and so on to the last: each time it is done once.

    Each server finishes what the one before has left, and is killed over the next job.
    """
    with Nursery(installation) as nursery:
        jobs: list[ManagedJob] = []
        for number in range(1, MOST):
            pid = nursery.serve("--die-at", str(number))
            if jobs:
                _require_once(installation, tmp_path, jobs[-1])
            jobs += installation.submit(Task("once").run(f"echo {number} >> {tmp_path}/done; echo said"))
            installation.wait(jobs[-1], lambda job, pid=pid: job.state.ended or not lives(pid))
            if lives(pid):
                break
        _require_once(installation, tmp_path, jobs[-1])
        os.kill(pid, signal.SIGKILL)
    assert 20 < len(jobs) < MOST, "there are that many writes at least"


def test_killed_as_it_tells_of_an_end_that_was_none_of_its_own(installation: Installation, receiver: Script) -> None:
    """Of a job that was cancelled as it waited: the next server does, wherever the one before had come to."""
    (installation.home / "config.yaml").write_text("jobs: {webhooks_allow: [127.0.0.1], pools: {shut: 0}}\n")
    options = JobOptions(on_failure=(receiver.url,), pool="shut")
    jobs: list[ManagedJob] = []
    with Nursery(installation) as nursery:
        for number in range(1, 11):  # it begins, is noted, steps are on record, the answer is, and the end
            jobs += installation.submit(Task("waits").run("true"), options)
            installation.store.jobs.cancel([jobs[-1].id])
            pid = nursery.serve("--die-at", str(number), "--ttl", "2")
            installation.wait(jobs[-1], lambda _, pid=pid: not lives(pid))
        pid = nursery.serve()
        for job in jobs:
            installation.wait(job, lambda job: any(each.startswith("webhook") for each in installation.story(job)))
        os.kill(pid, signal.SIGKILL)
    assert {told.json["job"]["id"] for told in receiver.asked} == {job.id for job in jobs}


def _require_once(installation: Installation, tmp_path: Path, job: ManagedJob) -> None:
    found = installation.ended(job)
    assert found.state is ManagedState.SUCCEEDED, installation.story(job)
    assert (tmp_path / "done").read_text().split().count(str(job.id)) == 1, installation.story(job)
    assert installation.log(job) == "said\n", job.id
    assert installation.store.clusters.get(found.cluster) is None, job.id
