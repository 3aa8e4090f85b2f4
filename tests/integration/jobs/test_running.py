"""Managed jobs on the local cloud, from being handed in to their end."""

from __future__ import annotations

import pytest

from styx.jobs.model import JobOptions
from styx.spec import Task
from styx.store.managed import ManagedState
from support.local_nodes import node_processes
from support.managed import Installation

pytestmark = pytest.mark.slow


def test_a_job_is_run_and_its_cluster_goes(served: Installation) -> None:
    """It ends as its command did, what it wrote is kept, and nothing of its cluster is left."""
    (job,) = served.submit(Task("hi").run('echo "hello from $STYX_MANAGED_JOB_ID"'))
    found = served.ended(job)
    assert (found.state, found.exit_code, found.runs, found.reason) == (ManagedState.SUCCEEDED, 0, 1, "")
    assert served.log(job) == f"hello from {job.id}\n"
    assert served.store.clusters.get(found.cluster) is None
    assert node_processes(served.home) == {}
    assert [each.split()[:2] for each in served.story(job)] == [
        ["submitted", "pending"], ["state", "starting"], ["state", "running"], ["state", "succeeded"],
    ]  # fmt: skip


def test_an_array_knows_its_ranks(served: Installation) -> None:
    """Under both names, and each job of it ends for itself."""
    jobs = served.submit(
        Task("array").run('echo "$STYX_JOB_RANK/$STYX_NUM_JOBS $SKYPILOT_JOB_RANK"; exit "$STYX_JOB_RANK"'), count=3
    )
    found = [served.ended(job) for job in jobs]
    assert [(job.state, job.exit_code) for job in found] == [
        (ManagedState.SUCCEEDED, 0), (ManagedState.FAILED, 1), (ManagedState.FAILED, 2),
    ]  # fmt: skip
    assert [served.log(job) for job in jobs] == [f"{rank}/3 {rank}\n" for rank in range(3)]
    assert len({job.group for job in jobs}) == 1


def test_secrets_reach_the_job_and_nothing_else(served: Installation) -> None:
    """They are in the row sealed while the job lives, and then not at all."""
    (job,) = served.submit(Task("t").run('test "${#TOKEN}" = 6 && echo fine').secrets(TOKEN="s3cret"))
    assert "s3cret" not in str(served.store.jobs.get(job.id))
    found = served.ended(job)
    assert (found.state, found.sealed) == (ManagedState.SUCCEEDED, None)
    assert served.log(job) == "fine\n"


def test_a_job_that_fails_is_started_again_as_was_said(served: Installation, tmp_path) -> None:
    """On the same cluster, always after an exit code that is named, and for so many times after others."""
    run = f"echo run >> {tmp_path}/runs; case $(wc -l < {tmp_path}/runs) in 1) exit 33;; 2) exit 4;; *) exit 5;; esac"
    (job,) = served.submit(Task("again").run(run), JobOptions(max_restarts=2, restart_exit_codes=(33,)))
    found = served.ended(job)
    assert (found.state, found.exit_code, found.restarts, found.runs) == (ManagedState.FAILED, 5, 2, 3)
    assert found.recoveries == 0
    assert found.cluster == f"again-{job.id}"


def test_a_job_that_takes_too_long_is_ended(served: Installation) -> None:
    """It has failed, with the reason, and its cluster goes."""
    (job,) = served.submit(Task("long").run("echo here; sleep 60"), JobOptions(timeout=1.0))
    found = served.ended(job)
    assert found.state is ManagedState.FAILED
    assert "longer than the 1 s" in found.reason
    assert served.store.clusters.get(found.cluster) is None


def test_a_job_is_cancelled_wherever_it_is(served: Installation) -> None:
    """What runs is stopped and its cluster removed."""
    (job,) = served.submit(Task("endless").run("echo here; sleep 600"))
    served.running(job)
    assert served.store.jobs.cancel([job.id]) == [job.id]
    found = served.ended(job)
    assert (found.state, found.reason) == (ManagedState.CANCELLED, "cancelled")
    assert served.store.clusters.get(found.cluster) is None
    assert "here" in served.log(job)


def test_what_nobody_offers_ends_without_resources(served: Installation) -> None:
    """At once, with the reasons of the clouds."""
    (job,) = served.submit(Task("big", resources={"accelerators": "H100:99"}).run("true"))
    found = served.ended(job)
    assert found.state is ManagedState.FAILED_NO_RESOURCES
    assert found.reason
