"""Reading the output of jobs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from styx.agent import process
from support.agents import Agent, Client, job, until


@pytest.fixture
def client(agent: Agent) -> Client:
    """A configured agent's client."""
    return agent.ready()


def _done(client: Client, run: str) -> int:
    number: int = client.call("jobs.submit", **job(run))["id"]
    client.call("jobs.wait", id=number)
    return number


def test_following_delivers_as_it_is_written(client: Client) -> None:
    """Each line comes while the job still runs, and the stream ends with the job."""
    number = client.call("jobs.submit", **job("for i in 1 2 3; do echo $i; sleep 0.3; done"))["id"]
    times, data = [], b""
    for item, more in client.items(client.send("logs.read", id=number, rank=None, follow=True)):
        assert item["offset"] == len(data)
        data += more
        times.append(time.monotonic())
    assert data == b"1\n2\n3\n"
    assert len(times) == 3
    assert times[2] - times[0] > 0.4
    assert client.call("jobs.list", ids=[number])["jobs"][0]["state"] == "succeeded"


def test_without_follow_a_read_ends_where_the_log_does(client: Client) -> None:
    """A running job's log is read up to now."""
    number = client.call("jobs.submit", **job("echo now; sleep 100"))["id"]
    assert until(lambda: client.log(number, follow=False)) == {0: b"now\n"}


def _writers(rank: Path) -> list[int]:
    """The processes that write the log of a rank."""
    words = (rank / "process").read_text().split() if (rank / "process").exists() else []
    members = process.group_members(int(words[0])) if words else []
    return [pid for pid in members if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"cat\0")]


def test_output_that_comes_late_is_not_missed(agent: Agent) -> None:
    """On a machine so busy that the log's writer waits longer than the job's end, the job ends when it has written."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("until [ -e go ]; do sleep 0.02; done; echo late"))["id"]
    until(lambda: client.call("jobs.list")["jobs"][0]["state"] == "running")
    (writer,) = until(lambda: _writers(agent.state / "jobs" / f"{number}-0"))
    os.kill(writer, signal.SIGSTOP)
    (agent.home / "go").touch()
    time.sleep(1.2)
    assert client.call("jobs.list")["jobs"][0]["state"] == "running"
    os.kill(writer, signal.SIGCONT)
    assert client.call("jobs.wait", id=number)["exit_code"] == 0
    assert client.log(number) == {0: b"late\n"}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"tail": 1}, b"three\n"),
        ({"tail": 2}, b"two\nthree\n"),
        ({"tail": 99}, b"one\ntwo\nthree\n"),
        ({"tail": 0}, b""),
        ({"offsets": {"0": 4}}, b"two\nthree\n"),
        ({"offsets": {"0": 4}, "tail": 1}, b"two\nthree\n"),
        ({"offsets": {"0": 14}}, b""),
        ({"offsets": {"0": 1000}}, b""),
        ({"offsets": {"7": 3}}, b"one\ntwo\nthree\n"),
    ],
)
def test_tails_and_offsets(client: Client, params: dict[str, Any], expected: bytes) -> None:
    """A tail counts lines from the end, an offset wins over it, and one past the end is the end."""
    number = _done(client, "echo one; echo two; echo three")
    assert client.log(number, **params).get(0, b"") == expected


def test_a_large_log_comes_whole(client: Client) -> None:
    """Megabytes arrive complete and in order, bytes of any value included."""
    number = _done(client, "head -c 5000000 /dev/zero | tr '\\0' '\\377'; printf 'end\\000'")
    assert client.log(number)[0] == b"\xff" * 5_000_000 + b"end\0"


def test_a_client_that_leaves_while_following_disturbs_nobody(agent: Agent, client: Client) -> None:
    """Clients come and go in the middle of a log; the job and the other followers go on."""
    number = client.call("jobs.submit", **job("until [ -e go ]; do echo x; sleep 0.01; done; echo end"))["id"]
    follower = client.send("logs.read", id=number, rank=None, follow=True)
    for _ in range(20):
        with agent.client() as other:
            other.send("logs.read", id=number, rank=None, follow=True)
            other.message()
    (agent.home / "go").touch()
    data = b"".join(data for _, data in client.items(follower))
    assert data.endswith(b"end\n")
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"
    assert not (agent.state / "agent.log").exists()


def test_following_a_job_that_waits(agent: Agent, client: Client) -> None:
    """Following begins before the job does, and a cancelled one's log just ends."""
    cpus = client.call("hello", protocol=1, client="t")["cpus"]
    client.call("jobs.submit", **job("until [ -e go ]; do sleep 0.02; done", cpus=cpus))
    second = client.call("jobs.submit", **job("echo second", cpus=cpus))["id"]
    third = client.call("jobs.submit", **job("echo third", cpus=cpus))["id"]
    follow = client.send("logs.read", id=second, rank=None, follow=True)
    ends = client.send("logs.read", id=third, rank=None, follow=True)
    client.call("jobs.cancel", ids=[third])
    assert list(client.items(ends)) == []
    (agent.home / "go").touch()
    assert b"".join(data for _, data in client.items(follow)) == b"second\n"


def test_a_slow_reader_costs_no_memory_and_blocks_nobody(agent: Agent, client: Client) -> None:
    """A client that stops reading a large log is waited for with little in memory; others are served at once."""
    number = _done(client, "head -c 40000000 /dev/zero")
    with agent.client() as lazy:
        for _ in range(20):
            lazy.send("logs.read", id=number, rank=None, follow=False)
        time.sleep(0.5)
        begun = time.monotonic()
        client.call("jobs.list")
        assert time.monotonic() - begun < 0.2
        assert _rss(agent) < 40 << 20
        received = sum(len(data) for _, data in lazy.items(1))
        assert received == 40_000_000


def test_output_after_the_jobs_own_end_is_kept(client: Client) -> None:
    """What a child of the job writes just as the job ends is in the log."""
    number = _done(client, "(trap '' TERM; sleep 0.1; echo late) & echo first")
    assert client.log(number)[0].startswith(b"first\n")


def _rss(agent: Agent) -> int:
    status = Path(f"/proc/{agent.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024
