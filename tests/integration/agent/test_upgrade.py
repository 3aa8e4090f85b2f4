"""An agent that takes over from the build before, with jobs running; and the two side by side in one cluster."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from support import before
from support.agents import Agent, Client, alive, job, until
from support.liar import HELLO, liar

Make = Callable[..., Agent]
SLOW = "echo begun; until [ -e go ]; do sleep 0.02; done; echo over; exit 4"


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program of the build before."""
    return before.unpack(tmp_path_factory.mktemp("older"))


def replace(agent: Agent, program: str, how: str) -> Client:
    """End the agent as an upgrade or a crash does, and start this build on what it left."""
    if how == "crash":
        agent.kill()
    else:
        pid = agent.pid or 0
        agent.client().call("agent.shutdown", cancel_jobs=False)
        until(lambda: not alive(pid))
    agent.program = program
    agent.up()
    return agent.client()


@pytest.mark.parametrize("how", ["upgrade", "crash"])
def test_jobs_of_the_build_before_go_on(agent: Agent, program: str, older: str, how: str) -> None:
    """One that runs, one that waits with a secret, one that has ended, and the autostop policy are all taken over."""
    agent.program = older
    client = agent.ready()
    build = client.call("hello", protocol=1, client="t")["build"]
    cpus = client.call("hello", protocol=1, client="t")["cpus"]
    ended = client.call("jobs.submit", **job("echo early; exit 3"))["id"]
    client.call("jobs.wait", id=ended)
    running = client.call("jobs.submit", **job(SLOW, cpus=cpus))["id"]
    waiting = client.call("jobs.submit", **job('echo "got $SECRET"', cpus=cpus, secrets={"SECRET": "it"}))["id"]
    until(lambda: client.log(running, follow=False) == {0: b"begun\n"})
    policy = {"idle_minutes": 5, "down": True, "wait_for": "jobs"}
    client.call("autostop.set", **policy)

    client = replace(agent, program, how)
    assert client.call("hello", protocol=1, client="t")["build"] != build
    states = {one["id"]: one["state"] for one in client.call("jobs.list")["jobs"]}
    assert states == {ended: "failed", running: "running", waiting: "pending"}
    rest = client.send("logs.read", id=running, rank=None, follow=True, offsets={"0": 6})
    (agent.home / "go").touch()
    assert b"".join(data for _, data in client.items(rest)) == b"over\n"
    assert client.call("jobs.wait", id=running)["exit_code"] == 4
    assert client.log(waiting) == {0: b"got it\n"}
    assert client.log(ended) == {0: b"early\n"}
    assert client.call("autostop.get")["policy"] == policy
    assert client.call("jobs.submit", **job("true"))["id"] == waiting + 1


def test_a_job_that_was_taken_over_can_be_cancelled(agent: Agent, program: str, older: str) -> None:
    """With all that it started."""
    agent.program = older
    client = agent.ready()
    number = client.call("jobs.submit", **job("setsid sleep 300 & echo $! > pid; sleep 300"))["id"]
    pid = int(until(lambda: (agent.home / "pid").exists() and (agent.home / "pid").read_text()))
    client = replace(agent, program, "upgrade")
    assert client.call("jobs.cancel", ids=None) == {"cancelled": [number]}
    assert not alive(pid)


def test_the_build_before_can_come_back(agent: Agent, program: str, older: str) -> None:
    """A client that was not upgraded yet puts its own build back: the table and the jobs are of use to it as well."""
    client = agent.ready()
    number = client.call("jobs.submit", **job(SLOW))["id"]
    until(lambda: client.log(number, follow=False))
    client = replace(agent, older, "upgrade")
    (agent.home / "go").touch()
    assert client.call("jobs.wait", id=number)["exit_code"] == 4
    client = replace(agent, program, "crash")
    assert client.log(number) == {0: b"begun\nover\n"}
    agent.kill()
    with closing(sqlite3.connect(agent.state / "jobs.db")) as table:
        assert table.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("old", [0, 1], ids=["head", "peer"])
def test_a_gang_of_both_builds(make: Make, older: str, old: int) -> None:
    """In the midst of an upgrade the head or a peer is of the build before; jobs start, end and are cancelled."""
    nodes = [make(), make()]
    nodes[old].program = older
    for rank, node in enumerate(nodes):
        peers = {"1": {"socket": nodes[1].socket}} if rank == 0 else {}
        node.up()
        node.configure(node.client(), rank=rank, num_nodes=2, node_ips=["10.0.0.1", "10.0.0.2"], peers=peers)
    client = nodes[0].client()
    builds = {node.client().call("hello", protocol=1, client="t")["build"] for node in nodes}
    assert len(builds) == 2
    number = client.call(
        "jobs.submit", **job("echo $STYX_NODE_RANK", num_nodes=2, setup="echo set", secrets={"A": "b"})
    )["id"]
    assert client.log(number) == {0: b"set\n0\n", 1: b"set\n1\n"}
    assert client.call("jobs.wait", id=number)["ranks"] == {"0": 0, "1": 0}
    failing = client.call("jobs.submit", **job("[ $STYX_NODE_RANK = 0 ] && sleep 300; exit 7", num_nodes=2))["id"]
    assert client.call("jobs.wait", id=failing)["exit_code"] == 7
    hanging = client.call("jobs.submit", **job("echo $$ > pid; sleep 300", num_nodes=2))["id"]
    pids = [int(until(lambda n=node: (n.home / "pid").exists() and (n.home / "pid").read_text())) for node in nodes]
    assert client.call("jobs.cancel", ids=None) == {"cancelled": [hanging]}
    assert not any(map(alive, pids))
    client.call("agent.shutdown", cancel_jobs=True)
    until(lambda: not any(alive(node.pid or 0) for node in nodes))


def test_a_gang_outlives_an_upgrade_of_the_head_before_that_of_a_peer(agent: Agent, older: str, program: str) -> None:
    """The new head finds a peer that is just shutting down: it asks again, and nothing of the job is ended for it."""
    asked: list[str] = []
    leaving = Event()

    def answer(method: str, _params: dict[str, Any], say: Callable[[Any], None]) -> None:
        asked.append(method)
        if method == "gang.commit" and leaving.is_set():
            leaving.clear()
            say({"error": {"code": "shutting_down", "message": "this agent is shutting down"}})
        elif method == "gang.watch":
            say({"item": {"phase": "running", "code": None}})
            if asked.count("gang.commit") > 1:
                say({"item": {"phase": "exited", "code": 0}})
                say({"result": {}})
        else:
            say({"result": HELLO if method == "hello" else {}})

    path = str(Path(agent.socket).with_name("peer"))
    with liar(path, answer):
        agent.program = older
        client = agent.ready(num_nodes=2, node_ips=["10.0.0.1", "10.0.0.2"], peers={"1": {"socket": path}})
        number = client.call("jobs.submit", **job("echo up; until [ -e go ]; do sleep 0.02; done", num_nodes=2))["id"]
        until(lambda: "gang.watch" in asked and client.log(number, rank=0, follow=False) == {0: b"up\n"})
        leaving.set()
        client = replace(agent, program, "upgrade")
        until(lambda: asked.count("gang.commit") > 2)
        (agent.home / "go").touch()
        ended = client.call("jobs.wait", id=number)
        assert (ended["state"], ended["reason"]) == ("succeeded", "")
        assert "gang.cancel" not in asked


def test_each_talks_to_the_other_by_protocol(agent: Agent, older: str) -> None:
    """One protocol more or less is understood; the lower of both is spoken."""
    for program in (agent.program, older):
        agent.program = program
        agent.up()
        with agent.client() as client:
            told = [client.call("hello", protocol=wanted, client="t")["protocol"] for wanted in (0, 1, 2)]
        assert told == [0, 1, 1]
        agent.kill()
