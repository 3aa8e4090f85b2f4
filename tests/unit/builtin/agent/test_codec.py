"""What agents send, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.agent.protocol import AgentError, ProtocolError
from styx.api import Autostop, BackendError, JobInfo, JobNotFound, JobSpec, JobState
from styx.builtin.agent import codec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
JOB = {
    "id": 3, "key": "k", "name": "train", "user": "me", "state": "succeeded", "submitted_at": 1.5, "started_at": 2,
    "ended_at": 3.0, "exit_code": 0, "num_nodes": 2, "cpus": 0.5, "gpus": 1, "ranks": {"0": 0, "1": 0}, "reason": "",
}  # fmt: skip
SAMPLE = {
    "at": 10.0, "cpu_percent": 12.5, "memory_used": 1, "memory_total": 2, "disk_used": 3, "disk_total": 4,
    "net_received": 5, "net_sent": 6, "load": 0.1,
    "gpus": [{"index": 0, "utilization": 50, "memory_used": None, "memory_total": 9}],
}  # fmt: skip


def test_a_job_reads_as_the_agent_told_it():
    """Times are UTC, ranks are numbers."""
    assert codec.job_info(JOB) == JobInfo(
        id=3, key="k", name="train", user="me", state=JobState.SUCCEEDED, num_nodes=2, cpus=0.5, gpus=1.0,
        submitted_at=datetime.fromtimestamp(1.5, UTC), started_at=datetime.fromtimestamp(2, UTC),
        ended_at=datetime.fromtimestamp(3, UTC), exit_code=0, ranks={0: 0, 1: 0},
    )  # fmt: skip


def test_a_sample_reads_as_the_agent_told_it():
    """What a GPU does not tell is left out."""
    sample = codec.metrics(1, SAMPLE)
    assert (sample.rank, sample.cpu_percent, sample.net_sent) == (1, 12.5, 6)
    assert sample.gpus == ({"index": 0.0, "utilization": 50.0, "memory_total": 9.0},)


@given(st.dictionaries(st.sampled_from(sorted(JOB)), JSON))
def test_any_job_gives_a_value_or_a_backend_error(wrong: dict[str, Any]):
    """Whatever an agent puts in any field."""
    try:
        job = codec.job_info(JOB | wrong)
    except BackendError:
        return
    assert isinstance(job.state, JobState)
    assert job.id >= 1
    assert all(text.isprintable() for text in (job.name, job.user, job.key, job.reason))


@given(st.dictionaries(st.sampled_from(sorted(SAMPLE)), JSON))
def test_any_sample_gives_a_value_or_a_backend_error(wrong: dict[str, Any]):
    """Percentages and sizes stay within their bounds."""
    try:
        sample = codec.metrics(0, SAMPLE | wrong)
    except BackendError:
        return
    assert 0 <= sample.cpu_percent <= 100
    assert min(sample.memory_used, sample.disk_total, sample.net_sent) >= 0


@given(JSON)
def test_any_answer_at_all_gives_a_value_or_a_backend_error(value: Any):
    """Also where an object was expected."""
    for read in (
        codec.job_info,
        lambda v: codec.job_list({"jobs": v}),
        lambda v: codec.id_list({"ids": v}, "ids"),
        lambda v: codec.log_chunk(v if isinstance(v, dict) else {"rank": v, "offset": v}, b"x", range(2)),
        lambda v: codec.integer({"pid": v}, "pid", 1),
    ):
        try:
            read(value)
        except BackendError as error:
            assert error.message.isprintable()  # noqa: PT017 - any number of values come by here


@given(st.text())
def test_what_is_shown_is_one_printable_line(text: str):
    """No escape sequence of a node reaches a terminal."""
    shown = codec.clean(text)
    assert shown.isprintable()
    assert len(shown) <= codec.TEXT_LIMIT + 3


def test_secrets_travel_in_the_job_and_nowhere_else():
    """They are a field of their own on the wire, and not in what is printed of a job."""
    job = JobSpec("k", run="x", envs={"A": "1"}, secrets={"TOKEN": "hush"})
    params = codec.job_params(job, user="me", epoch=4)
    assert params["secrets"] == {"TOKEN": "hush"}
    assert "hush" not in repr({**params, "secrets": None})
    assert "hush" not in repr(job)
    assert (params["user"], params["epoch"], params["key"]) == ("me", 4, "k")


def test_autostop_is_set_or_cleared():
    """None clears it."""
    assert codec.autostop_params(None) == {"policy": None}
    assert codec.autostop_params(Autostop(5, True, "jobs")) == {"idle_minutes": 5, "down": True, "wait_for": "jobs"}


def test_a_job_that_is_not_there_is_job_not_found():
    """Only when the request was about a job."""
    refused = AgentError("not_found", "no")
    found = codec.refusal(refused, "node 0 of c", "c", 7)
    assert isinstance(found, JobNotFound)
    assert (found.cluster, found.job) == ("c", 7)
    assert (found.message, found.hint) == ("cluster 'c' has no job 7", "`styx queue c` lists its jobs.")
    assert isinstance(codec.refusal(refused, "node 0 of c", "c"), BackendError)


@given(st.text(), st.text())
def test_any_refusal_is_an_error_of_the_contract(code: str, message: str):
    """It names the node and carries no control characters."""
    error = codec.refusal(AgentError(code, message), "node 0 of c", "c")
    assert isinstance(error, BackendError)
    assert error.message.startswith("the agent on node 0 of c refuses")
    assert error.message.isprintable()


def test_nonsense_is_said_to_be_nonsense():
    """A protocol error is the agent's fault, not the user's."""
    error = codec.refusal(ProtocolError("a frame of unknown kind"), "node 1 of c", "c", 3)
    assert isinstance(error, BackendError)
    assert "does not make sense" in error.message


@pytest.mark.parametrize("code", ["stale_epoch", "shutting_down", "no_space", "too_large", "too_many"])
def test_refusals_that_can_be_helped_say_how(code: str):
    """They have a hint."""
    assert codec.refusal(AgentError(code, "x"), "n", "c").hint
