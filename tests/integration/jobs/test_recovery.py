"""A managed job whose cluster goes finds another, and begins anew there."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from styx.jobs.model import JobOptions
from styx.spec import Task
from styx.store.managed import ManagedState
from support.local_nodes import node_processes
from support.managed import Installation

pytestmark = pytest.mark.slow


def kill_nodes(installation: Installation) -> None:
    """Kill every process of every node, as a machine that loses its power does."""
    while found := node_processes(installation.home):
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def test_a_job_goes_on_when_its_node_is_gone(served: Installation, tmp_path: Path) -> None:
    """On a new cluster, with what the first run wrote still in its log, and its checkpoint where it left it."""
    run = f"""
    echo "from $(cat {tmp_path}/step 2>/dev/null || echo nothing)"; echo half > {tmp_path}/step
    test -e {tmp_path}/again || sleep 600
    """
    (job,) = served.submit(Task("phoenix").run(run))
    served.running(job)
    served.wait(job, lambda _: "from" in served.log(job))
    (tmp_path / "again").touch()
    kill_nodes(served)
    found = served.ended(job)
    assert (found.state, found.runs, found.recoveries, found.restarts) == (ManagedState.SUCCEEDED, 2, 1, 0)
    assert found.cluster == f"phoenix-{job.id}-2"
    assert served.log(job) == "from nothing\nfrom half\n"
    assert [each.split()[1] for each in served.story(job) if each.startswith("state")] == [
        "starting", "running", "recovering", "running", "succeeded",
    ]  # fmt: skip
    assert served.store.clusters.list() == []


def test_a_job_is_recovered_as_often_as_was_said(served: Installation) -> None:
    """And then it has failed, with what happened to its cluster."""
    (job,) = served.submit(Task("mortal").run("sleep 600"), JobOptions(max_recoveries=0))
    served.running(job)
    kill_nodes(served)
    found = served.ended(job)
    assert found.state is ManagedState.FAILED
    assert "not recovered any more" in found.reason
    assert served.store.clusters.list() == []


def test_a_node_that_goes_while_no_server_runs(installation: Installation, tmp_path: Path) -> None:
    """The next server finds that out, and the job begins anew."""
    server = installation.serve()
    (job,) = installation.submit(Task("alone").run(f"test -e {tmp_path}/again || sleep 600"))
    installation.running(job)
    server.send_signal(signal.SIGKILL)
    server.wait()
    (tmp_path / "again").touch()
    kill_nodes(installation)
    installation.serve()
    found = installation.ended(job)
    assert (found.state, found.recoveries) == (ManagedState.SUCCEEDED, 1)


def test_the_records_of_steps_are_lost(installation: Installation, tmp_path: Path) -> None:
    """The job goes on from its row: what it has on its cluster is found again, and not run twice."""
    run = f"echo run >> {tmp_path}/runs; test $(wc -l < {tmp_path}/runs) -gt 1 || exit 9; sleep 5; echo over"
    server = installation.serve()
    (job,) = installation.submit(Task("lost").run(run), JobOptions(max_restarts=1))
    installation.wait(job, lambda found: found.runs == 2 and found.state is ManagedState.RUNNING)
    server.send_signal(signal.SIGKILL)
    server.wait()
    for path in installation.home.glob("workflows.db*"):
        path.unlink()
    installation.serve()
    found = installation.ended(job)
    assert (found.state, found.runs, found.restarts) == (ManagedState.SUCCEEDED, 2, 1)
    assert (tmp_path / "runs").read_text() == "run\nrun\n"


def test_a_job_whose_end_is_known_to_its_cluster_alone(installation: Installation, tmp_path: Path) -> None:
    """It ended while no server ran: the next one hears of it, and does not run it again."""
    server = installation.serve()
    (job,) = installation.submit(Task("quiet").run(f"sleep 2; echo run >> {tmp_path}/runs; exit 7"))
    installation.running(job)
    server.send_signal(signal.SIGKILL)
    server.wait()
    installation.wait(job, lambda _: (tmp_path / "runs").exists())
    installation.serve()
    found = installation.ended(job)
    assert (found.state, found.exit_code) == (ManagedState.FAILED, 7)
    assert (tmp_path / "runs").read_text() == "run\n"
