"""Ending jobs: everything they started, however it tried to get away."""

from __future__ import annotations

import time

from support.agents import Agent, alive, job, marked, until

DOUBLE_FORK = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
open("daemon", "w").write(str(os.getpid()))
time.sleep(300)
"""


def test_cancel_kills_what_forked_away(agent: Agent) -> None:
    """A child that double-forked into a session of its own and ignores SIGTERM is dead when cancel answers."""
    client = agent.ready()
    (agent.home / "daemon.py").write_text(DOUBLE_FORK)
    number = client.call("jobs.submit", **job("python3 daemon.py; sleep 300"))["id"]
    path = agent.home / "daemon"
    pid = int(until(lambda: path.exists() and path.read_text()))
    assert client.call("jobs.cancel", ids=[number]) == {"cancelled": [number]}
    assert not alive(pid)
    until(lambda: marked(agent.mark) == [agent.pid])


def test_a_job_gets_time_to_clean_up(agent: Agent) -> None:
    """SIGTERM comes first, SIGKILL only after the grace."""
    client = agent.ready()
    run = "trap 'echo cleaned > cleaned; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    number = client.call("jobs.submit", **job(run))["id"]
    until(lambda: client.log(number, follow=False))
    client.call("jobs.cancel", ids=[number])
    assert (agent.home / "cleaned").exists()
    assert client.call("jobs.list", ids=[number])["jobs"][0]["state"] == "cancelled"


def test_a_job_that_will_not_end_is_killed(agent: Agent) -> None:
    """One that ignores SIGTERM is gone after the grace."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("trap '' TERM INT HUP; echo up; while :; do sleep 0.05; done"))["id"]
    until(lambda: client.log(number, follow=False))
    begun = time.monotonic()
    client.call("jobs.cancel", ids=[number])
    assert 0.4 < time.monotonic() - begun < 5
    assert marked(agent.mark) == [agent.pid]


def test_cancel_during_the_setup(agent: Agent) -> None:
    """The set-up is ended, the run never begins."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("echo run > ran", setup="echo up; sleep 300"))["id"]
    until(lambda: client.log(number, follow=False))
    assert client.call("jobs.cancel", ids=[number]) == {"cancelled": [number]}
    ended = client.call("jobs.list", ids=[number])["jobs"][0]
    assert ended["state"] == "cancelled"
    assert not (agent.home / "ran").exists()
    assert marked(agent.mark) == [agent.pid]


def test_cancel_at_any_moment_of_a_start(agent: Agent) -> None:
    """However soon after the submit, a cancelled job has ended and nothing of it runs."""
    client = agent.ready()
    for delay in range(12):
        number = client.call("jobs.submit", **job("sleep 300", setup="true" if delay % 2 else ""))["id"]
        time.sleep(delay * 0.002)
        assert client.call("jobs.cancel", ids=[number]) == {"cancelled": [number]}
        assert client.call("jobs.list", ids=[number])["jobs"][0]["state"] == "cancelled"
        assert marked(agent.mark) == [agent.pid]


def test_two_jobs_are_told_apart(agent: Agent) -> None:
    """Cancelling job 1 leaves job 11, whose number begins alike, alone."""
    client = agent.ready()
    numbers = [client.call("jobs.submit", **job("echo $$; sleep 300"))["id"] for _ in range(11)]
    pid = int(until(lambda: client.log(numbers[10], follow=False))[0])
    client.call("jobs.cancel", ids=numbers[:1])
    assert alive(pid)
    assert len(client.call("jobs.cancel", ids=None)["cancelled"]) == 10


def test_cancelled_jobs_make_room(agent: Agent) -> None:
    """The claim of a cancelled job is free for the next."""
    client = agent.ready()
    cpus = client.call("hello", protocol=1, client="t")["cpus"]
    first = client.call("jobs.submit", **job("sleep 300", cpus=cpus))["id"]
    second = client.call("jobs.submit", **job("echo second", cpus=cpus))["id"]
    client.call("jobs.cancel", ids=[first])
    assert client.call("jobs.wait", id=second)["state"] == "succeeded"


def test_the_log_of_a_cancelled_job_is_its_own(agent: Agent) -> None:
    """The shell around a job adds nothing to its output when it is cancelled, in the set-up or in the run."""
    client = agent.ready()
    for scripts in (job("echo up; echo oops >&2; sleep 300"), job("true", setup="echo up; echo oops >&2; sleep 300")):
        number = client.call("jobs.submit", **scripts)["id"]
        until(lambda number=number: b"oops" in client.log(number, follow=False).get(0, b""))
        client.call("jobs.cancel", ids=[number])
        assert client.log(number) == {0: b"up\noops\n"}


def test_a_job_that_the_kernel_kills_says_so(agent: Agent) -> None:
    """A job that is killed with SIGKILL, as where memory runs out, has that in its log."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("echo up; kill -9 $$"))["id"]
    assert client.log(number) == {0: b"up\nKilled\n"}
