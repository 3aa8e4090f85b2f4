"""The Python SDK, as far as it needs no cluster."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import styx
from styx import sdk
from styx.api.errors import StyxError
from styx.jobs.model import JobOptions
from styx.sdk import managed
from support.fake_client import FakeClient

TASK = styx.Task("t").run("x")


def test_the_error_to_catch_is_public() -> None:
    """``styx.StyxError`` is the root of every error."""
    assert styx.StyxError is StyxError
    with pytest.raises(styx.StyxError):
        styx.Task(num_nodes=-1)


@pytest.mark.parametrize(
    ("function", "arguments", "order"),
    [
        (sdk.exec, ("c", TASK), r"argument 1 cannot be of type str; it is called as styx.exec\(task, 'cluster'\)"),
        (sdk.launch, ("c", TASK), r"styx.launch\(task, resources, cluster='name'\)"),
        (sdk.launch, (TASK, "c"), r"argument 2 .* styx.launch\(task, resources, cluster='name'\)"),
        (sdk.run_dag, (TASK,), r"argument 1 cannot be of type Task; it is called as styx.run_dag\(dag\)"),
        (sdk.down, (TASK,), r"styx.down\('cluster'\)"),
        (sdk.cancel, ("c", 1), r"styx.cancel\('cluster', \[job_id\]\)"),
        (sdk.logs, (1, "c"), r"styx.logs\('cluster', job_id\)"),
        (sdk.status, ("c",), r"styx.status\(\['c'\]\)"),
    ],
)
def test_arguments_in_the_wrong_order(function: Any, arguments: tuple[object, ...], order: str) -> None:
    """An argument of another type is a TypeError that shows the call as it is meant."""
    with pytest.raises(TypeError, match=order):
        function(*arguments)


@pytest.mark.parametrize(
    ("function", "arguments", "order"),
    [
        (managed.jobs_launch, ("train.yaml",), r"styx.jobs_launch\(task, num_jobs=1\)"),
        (managed.jobs_cancel, (3,), r"styx.jobs_cancel\(\[3, 4\]\)"),
        (managed.jobs_status, ("3",), r"styx.jobs_status\(3\)"),
        (managed.jobs_launch, (styx.Dag("d"), "x"), "positional"),
    ],
)
def test_managed_jobs_in_the_wrong_order(function: Any, arguments: tuple[object, ...], order: str) -> None:
    """Likewise of managed jobs."""
    with pytest.raises(TypeError, match=order):
        function(*arguments)


def test_managed_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function asks a client of the installation and closes it; output comes line by line, whatever the pieces."""
    client = FakeClient()
    monkeypatch.setattr("styx.sdk.managed.connect", lambda: client)
    client.jobs.output = (b"gr", "ü\nzw".encode()[:1], "ü\nzw".encode()[1:], b"ei")
    first, second = styx.jobs_launch(TASK, num_jobs=2, max_restarts=1, restart_on=[33], max_hourly_cost=2.5)
    options = client.jobs.calls[0][2]
    assert options == JobOptions(max_restarts=1, restart_exit_codes=(33,), max_hourly_cost=Decimal("2.5"))
    assert client.closed
    assert styx.jobs_status(second.id).rank == 1
    assert styx.jobs_wait(first.id).state == "succeeded"
    assert [job.id for job in styx.jobs_queue()] == [2, 1]
    assert list(styx.jobs_logs(first.id)) == ["grü", "zwei"]
    client.jobs.add()
    assert styx.jobs_cancel([1, 3]) == [3]
