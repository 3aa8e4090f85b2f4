"""What becomes of jobs when the agent, its shims or the machine die."""

from __future__ import annotations

import os
import signal

import pytest

from support.agents import Agent, Client, alive, job, until

SLOW = "for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.1; done; exit 9"
SLOW_OUTPUT = "".join(f"line {i}\n" for i in range(1, 9)).encode()


def _shim(agent: Agent, number: int, rank: int = 0) -> int:
    path = agent.state / "jobs" / f"{number}-{rank}" / "process"
    return int(until(lambda: path.exists() and path.read_text()).split()[0])


def _restart(agent: Agent) -> Client:
    agent.kill()
    agent.up()
    return agent.client()


def test_a_killed_agent_does_not_disturb_a_running_job(agent: Agent) -> None:
    """After kill -9 during the run the job goes on; log, exit code and times are right."""
    client = agent.ready()
    number = client.call("jobs.submit", **job(SLOW))["id"]
    until(lambda: client.log(number, follow=False))
    client = _restart(agent)
    assert client.call("jobs.list")["jobs"][0]["state"] == "running"
    ended = client.call("jobs.wait", id=number)
    assert (ended["state"], ended["exit_code"]) == ("failed", 9)
    assert client.log(number) == {0: SLOW_OUTPUT}


def test_a_killed_agent_does_not_disturb_a_setup(agent: Agent) -> None:
    """After kill -9 during the set-up both set-up and run happen once."""
    client = agent.ready()
    setup = "echo setup >> ran; echo setting; sleep 0.5; echo set"
    number = client.call("jobs.submit", **job("echo run >> ran; echo ran", setup=setup))["id"]
    until(lambda: client.log(number, follow=False))
    client = _restart(agent)
    assert client.call("jobs.list")["jobs"][0]["state"] == "setting_up"
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"
    assert client.log(number) == {0: b"setting\nset\nran\n"}
    assert (agent.home / "ran").read_text() == "setup\nrun\n"


def test_a_job_that_ends_while_no_agent_runs(agent: Agent) -> None:
    """Its exit code and whole log are there when the next agent is."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("echo begun; sleep 0.3; echo over; exit 4"))["id"]
    until(lambda: client.log(number, follow=False))
    shim = _shim(agent, number)
    agent.kill()
    until(lambda: not alive(shim))
    agent.up()
    client = agent.client()
    ended = client.call("jobs.wait", id=number)
    assert (ended["state"], ended["exit_code"]) == ("failed", 4)
    assert client.log(number) == {0: b"begun\nover\n"}


def test_an_adopted_job_can_be_cancelled(agent: Agent) -> None:
    """A restarted agent, which is not the parent of its jobs, ends them all the same."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("echo $$; sleep 100"))["id"]
    pid = int(until(lambda: client.log(number, follow=False))[0])
    client = _restart(agent)
    assert client.call("jobs.cancel", ids=[number]) == {"cancelled": [number]}
    assert not alive(pid)


def test_pending_jobs_go_on_after_a_restart(agent: Agent) -> None:
    """The queue is where it was: the claims of running jobs are held, those that wait start in order."""
    client = agent.ready()
    cpus = client.call("hello", protocol=1, client="t")["cpus"]
    first = client.call("jobs.submit", **job("until [ -e go ]; do sleep 0.02; done", cpus=cpus))["id"]
    second = client.call("jobs.submit", **job("echo second", cpus=cpus, secrets={"S": "x"}))["id"]
    until(lambda: client.call("jobs.list", ids=[first])["jobs"][0]["state"] == "running")
    client = _restart(agent)
    assert client.call("jobs.list", ids=[second])["jobs"][0]["state"] == "pending"
    (agent.home / "go").touch()
    assert client.call("jobs.wait", id=second)["state"] == "succeeded"
    assert client.call("jobs.wait", id=first)["state"] == "succeeded"


def test_a_killed_shim_is_a_lost_job(agent: Agent) -> None:
    """Nobody knows how a job ended whose shim was killed: it is lost, and what it left running is killed."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("echo $$; sleep 100"))["id"]
    pid = int(until(lambda: client.log(number, follow=False))[0])
    os.kill(_shim(agent, number), signal.SIGKILL)
    ended = client.call("jobs.wait", id=number)
    assert ended["state"] == "lost"
    assert ended["exit_code"] is None
    assert ended["reason"]
    until(lambda: not alive(pid))


def _reboot(agent: Agent, numbers: list[int]) -> None:
    """What a reboot does to the state: nothing of before runs, and the processes are of another boot."""
    agent.kill()
    for number in numbers:
        process = agent.state / "jobs" / f"{number}-0" / "process"
        if process.exists():
            pid = int(process.read_text().split()[0])
            os.killpg(pid, signal.SIGKILL)
            until(lambda pid=pid: not alive(pid))
            # The pid may belong to somebody else now, who must not be taken for the job: this test, say.
            process.write_text(f"{os.getpid()} 1 00000000-0000-0000-0000-000000000000")
    for path in agent.vault.glob("*"):
        path.unlink()


def test_after_a_reboot_running_jobs_are_lost_and_others_go_on(agent: Agent) -> None:
    """Jobs that ran are lost; one that waited runs; one whose secrets are gone fails and says so."""
    client = agent.ready()
    cpus = client.call("hello", protocol=1, client="t")["cpus"]
    running = client.call("jobs.submit", **job("echo up; sleep 100", cpus=cpus))["id"]
    waiting = client.call("jobs.submit", **job("echo fine", cpus=cpus))["id"]
    secret = client.call("jobs.submit", **job("echo $S", cpus=cpus, secrets={"S": "x"}))["id"]
    until(lambda: client.log(running, follow=False))
    _reboot(agent, [running])
    agent.up()
    client = agent.client()
    assert client.call("jobs.wait", id=running)["state"] == "lost"
    assert client.call("jobs.wait", id=waiting)["state"] == "succeeded"
    ended = client.call("jobs.wait", id=secret)
    assert ended["state"] == "failed"
    assert "secrets" in ended["reason"]


@pytest.mark.parametrize("tries", range(6))
def test_a_kill_at_any_moment_of_a_start_loses_nothing(agent: Agent, tries: int) -> None:
    """However soon after a submit the agent is killed, the job runs exactly once."""
    agent.up()
    with agent.client() as client:
        agent.configure(client)
        asked = [job(f"echo x >> ran-{index}") for index in range(4)]
        sent = [client.send("jobs.submit", **one) for one in asked]
        if tries:
            client.answer(sent[min(tries, len(sent)) - 1])
    client = _restart(agent)
    numbers = [client.call("jobs.submit", **one)["id"] for one in asked]
    assert len(set(numbers)) == 4
    for index, number in enumerate(numbers):
        ended = client.call("jobs.wait", id=number)
        assert ended["state"] == "succeeded", ended
        assert (agent.home / f"ran-{index}").read_text() == "x\n"


@pytest.mark.parametrize("still", [False, True])
def test_a_number_that_was_used_before_the_table_was_lost_is_another_job(agent: Agent, still: bool) -> None:
    """A head without its table counts from one again; it runs the new job, and not what ran as number one before."""
    client = agent.ready()
    before = "echo before; sleep 100" if still else "echo before"
    number = client.call("jobs.submit", **job(before, key="before"))["id"]
    until(lambda: client.log(number, follow=False) == {0: b"before\n"})
    if not still:
        client.call("jobs.wait", id=number)
    agent.kill()
    for path in agent.state.glob("jobs.db*"):
        path.unlink()
    client = agent.ready()
    again = client.call("jobs.submit", **job("echo after", key="after"))["id"]
    assert again == number
    assert client.log(again) == {0: b"after\n"}
    assert client.call("jobs.wait", id=again)["state"] == "succeeded"
