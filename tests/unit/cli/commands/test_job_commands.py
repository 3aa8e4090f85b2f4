"""``styx queue``, ``styx cancel`` and ``styx logs``."""

import json
from pathlib import Path

import pytest

from styx.api import ClusterNotUp, JobState, TransportError
from support.fake_client import FakeClient, Outcome

RUNNING = Outcome([(0, b"so far\n")], JobState.RUNNING)


def test_queue_of_all_clusters_that_are_up(styx, client: FakeClient):
    """Without names the clusters that are up are asked, and no others."""
    client.add("off", "stopped")
    client.add("a")
    client.add_job("a")
    client.add_job("a", RUNNING, name="train")
    lines = styx("queue").stdout.splitlines()
    assert lines[0].split() == ["CLUSTER", "ID", "NAME", "STATE", "SUBMITTED", "RAN", "NODES", "GPUS", "EXIT", "USER"]
    assert lines[1].split()[:4] == ["a", "2", "train", "running"]
    assert lines[2].split()[:4] == ["a", "1", "-", "succeeded"]
    assert "1m 30s" in lines[2]
    assert ("queue", "off") not in client.calls


def test_queue_json(styx, client: FakeClient):
    """The JSON shape of a job is fixed; -s leaves out what has ended."""
    client.add("a")
    client.add_job("a", Outcome(state=JobState.FAILED, exit_code=3, reason="boom"))
    client.add_job("a", RUNNING)
    running, failed = json.loads(styx("queue", "a", "-o", "json").stdout)
    assert failed == {
        "cluster": "a",
        "id": 1,
        "name": None,
        "state": "failed",
        "exit_code": 3,
        "reason": "boom",
        "submitted_at": "2025-01-02T03:04:05Z",
        "started_at": "2025-01-02T03:04:05Z",
        "ended_at": "2025-01-02T03:05:35Z",
        "num_nodes": 1,
        "cpus": 0.0,
        "gpus": 0.0,
        "user": None,
        "ranks": {},
    }
    assert (running["ended_at"], running["exit_code"]) == (None, None)
    assert [job["id"] for job in json.loads(styx("queue", "-s", "-o", "json").stdout)] == [2]


def test_one_broken_cluster_does_not_hide_the_others(styx, client: FakeClient):
    """A cluster that cannot be asked is named on stderr, the others are listed, and the exit code tells."""
    client.add("bad")
    client.add("good")
    client.add_job("good")
    client.errors["bad"] = TransportError("cannot reach node 0", hint="See `styx status -r`.")
    result = styx("queue", "-o", "json")
    assert [job["cluster"] for job in json.loads(result.stdout)] == ["good"]
    assert json.loads(result.stderr)["error"] == {
        "code": "transport_error",
        "message": "cannot reach node 0",
        "hint": "See `styx status -r`.",
        "details": {"cluster": "bad"},
    }
    assert result.exit_code == 74
    assert styx("queue").stderr == "bad: cannot reach node 0. See `styx status -r`.\n"


def test_empty_queue(styx, client: FakeClient):
    """No jobs is said in words, and as an empty list."""
    assert styx("queue").stdout == "No jobs.\n"
    assert json.loads(styx("queue", "-o", "json").stdout) == []


def test_cancel_one(styx, client: FakeClient):
    """A named job is cancelled without a question."""
    client.add("a")
    client.add_job("a", RUNNING)
    result = styx("cancel", "a", "1")
    assert (result.exit_code, result.output) == (0, "Cancelled job 1.\n")
    assert client.job("a", 1).state == JobState.CANCELLED


def test_cancel_what_has_ended(styx, client: FakeClient):
    """Cancelling a job that has ended changes nothing and says so."""
    client.add("a")
    client.add_job("a")
    result = styx("cancel", "a", "1")
    assert (result.exit_code, result.stdout) == (0, "Job 1 has ended already: succeeded.\n")
    assert "Nothing to cancel" in styx("cancel", "a", "--all", "-y").stdout


def test_cancel_what_is_not_there(styx, client: FakeClient):
    """A number that no job has is exit code 2; the other jobs are cancelled all the same."""
    client.add("a")
    client.add_job("a", RUNNING)
    result = styx("cancel", "a", "99", "1", "-y")
    assert (result.exit_code, result.stdout) == (2, "Cancelled job 1.\n")
    assert "cluster 'a' has no job 99" in result.stderr


def test_cancel_all_needs_consent(styx, client: FakeClient):
    """--all without a terminal needs --yes; with it everything is cancelled."""
    client.add("a")
    client.add_job("a", RUNNING)
    client.add_job("a", RUNNING)
    refused = styx("cancel", "a", "--all")
    assert refused.exit_code == 2
    assert "there is no cluster 'b'" in styx("cancel", "b", "--all").stderr
    assert "--yes" in refused.stderr
    assert client.job("a", 1).state == JobState.RUNNING
    assert styx("cancel", "a", "--all", "-y").stdout == "Cancelled jobs 1, 2.\n"


@pytest.mark.parametrize("words", [["a"], ["a", "1", "--all"], ["a", "x"], ["a", "0"], []])
def test_cancel_bad_input(styx, client: FakeClient, words):
    """Neither jobs nor --all, both, or what is no job number: exit code 2 and nothing is cancelled."""
    client.add("a")
    client.add_job("a", RUNNING)
    assert styx("cancel", *words).exit_code == 2
    assert client.job("a").state == JobState.RUNNING


def test_logs_are_the_jobs_bytes(styx, client: FakeClient):
    """One node's output is copied to stdout byte for byte, and nothing else is."""
    raw = b"\x1b[1mbold\x1b[0m\r 50%\r100%\n\xff\xfe no newline at the end"
    client.add("a")
    client.add_job("a", Outcome([(0, raw[:7]), (0, raw[7:])]))
    result = styx("logs", "a")
    assert result.stdout_bytes == raw
    assert (result.stderr, result.exit_code) == ("", 0)


def test_lines_of_several_nodes_are_prefixed(styx, client: FakeClient):
    """Every line of a job on several nodes says its rank; lines of different ranks never mix."""
    chunks = [(0, b"one"), (1, b"uno\ndos"), (0, b" more\r"), (0, b"\ntwo\n"), (1, b"\n"), (0, b"10%\r20%\rrest")]
    client.add("a", num_nodes=2)
    client.add_job("a", Outcome(chunks), num_nodes=2)
    expected = [
        b"(rank 1) uno\n",
        b"(rank 0) one more\r\n",
        b"(rank 0) two\n",
        b"(rank 1) dos\n",
        b"(rank 0) 10%\r",
        b"(rank 0) 20%\r",
        b"(rank 0) rest\n",
    ]
    assert styx("logs", "a").stdout_bytes == b"".join(expected)


def test_a_line_without_end_does_not_fill_the_memory(styx, client: FakeClient):
    """A line that never ends is cut rather than kept."""
    client.add("a", num_nodes=2)
    client.add_job("a", Outcome([(0, b"x" * 100_000), (0, b"y\n")]), num_nodes=2)
    first, second = styx("logs", "a").stdout_bytes.splitlines()
    assert (len(first), second) == (100_009, b"(rank 0) y")


def test_one_rank(styx, client: FakeClient):
    """-w shows one node's bytes without a prefix; --tail and --no-follow are passed on."""
    client.add("a", num_nodes=2)
    client.add_job("a", Outcome([(0, b"zero\n"), (1, b"one\n")]), num_nodes=2)
    assert styx("logs", "a", "1", "-w", "1", "--tail", "5", "--no-follow").stdout_bytes == b"one\n"
    assert ("logs", "a", 1, False, 5, 1) in client.calls


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome(), 0),
        (Outcome(state=JobState.FAILED, exit_code=7), 7),
        (Outcome(state=JobState.FAILED, exit_code=None), 1),
        (Outcome(state=JobState.FAILED, exit_code=-9), 137),
        (Outcome(state=JobState.FAILED, exit_code=256), 1),
        (Outcome(state=JobState.FAILED_SETUP, exit_code=4), 4),
        (Outcome(state=JobState.CANCELLED, exit_code=1), 143),
        (Outcome(state=JobState.LOST, exit_code=None), 1),
    ],
)
def test_exit_code_is_the_tasks(styx, client: FakeClient, outcome, code):
    """The exit code of ``logs`` and of ``logs --status`` is that of the task."""
    client.add("a")
    client.add_job("a", outcome)
    assert styx("logs", "a").exit_code == code
    status = styx("logs", "a", "--status")
    assert (status.exit_code, status.stdout) == (code, f"Job 1: {outcome.state}\n")


def test_what_a_node_says_cannot_play_tricks(styx, client: FakeClient):
    """Names, reasons and users that nodes report are shown without terminal escapes."""
    evil = "\x1b]0;title\x07\x1b[31mred\nline\u202e"
    client.add("a")
    client.add_job("a", Outcome(state=JobState.FAILED, exit_code=1, reason=evil), name=evil)
    for words in (["queue", "a"], ["logs", "a"]):
        result = styx(*words)
        assert not {"\x1b", "\x07", "\u202e"}.intersection(result.stdout + result.stderr)
    assert styx("logs", "a").stderr == "Job 1 failed with exit code 1: red line\n"
    assert len(styx("queue", "a").stdout.splitlines()) == 2


def test_failure_is_explained(styx, client: FakeClient):
    """A job that did not succeed is summed up on stderr, with the reason."""
    client.add("a")
    client.add_job("a", Outcome(state=JobState.FAILED, exit_code=7, reason="rank 1 went first"))
    assert styx("logs", "a").stderr == "Job 1 failed with exit code 7: rank 1 went first\n"


def test_a_failure_is_told_once(styx, client: FakeClient):
    """A reason that says no more than the state is left out."""
    client.add("a")
    client.add_job("a", Outcome(state=JobState.FAILED_SETUP, exit_code=9, reason="the set-up failed"))
    assert styx("logs", "a").stderr == "Job 1 failed in its setup with exit code 9.\n"


def test_a_job_that_has_not_ended(styx, client: FakeClient):
    """--no-follow is then 0, and --status 75."""
    client.add("a")
    client.add_job("a", RUNNING)
    assert styx("logs", "a", "--no-follow").exit_code == 0
    status = styx("logs", "a", "--status")
    assert (status.exit_code, status.stdout) == (75, "Job 1: running\n")


def test_interrupt_detaches(styx, client: FakeClient):
    """Ctrl-C leaves the job alone, says how to come back, and ends with 130."""
    client.add("a")
    client.add_job("a", RUNNING)
    client.interrupt = {"chunk"}
    result = styx("logs", "a")
    assert result.exit_code == 130
    assert result.stdout == "so far\n"
    assert "styx logs a 1" in result.stderr
    assert "styx cancel a 1" in result.stderr
    assert client.job("a").state == JobState.RUNNING
    assert client.closed


def test_download(styx, client: FakeClient):
    """--sync-down writes the logs of the jobs below styx-logs and prints the files."""
    client.add("a")
    client.add_job("a", Outcome([(0, b"first")]))
    client.add_job("a", Outcome([(0, b"second")]))
    files = styx("logs", "a", "-s").stdout.splitlines()
    assert [Path(file).read_bytes() for file in files] == [b"first", b"second"]
    assert files[0] == "styx-logs/a/job-1/rank-0.log"


@pytest.mark.parametrize(
    "words", [[], ["a", "1", "2"], ["a", "--tail", "0"], ["a", "-w", "-1"], ["a", "-s", "--status"], ["a", "9"], ["b"]]
)
def test_logs_bad_input(styx, client: FakeClient, words):
    """Bad arguments, unknown jobs and unknown clusters are exit code 2."""
    client.add("a")
    client.add_job("a")
    result = styx("logs", *words)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_named_cluster_that_is_down(styx, client: FakeClient):
    """A named cluster that cannot answer is an error with its own exit code."""
    client.add("a", "stopped")
    client.errors["a"] = ClusterNotUp("cluster 'a' is stopped")
    assert styx("queue", "a").exit_code == 1
