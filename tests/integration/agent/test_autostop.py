"""Autostop: the head has every node stop itself when nothing has been going on for long enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.agent.protocol import AgentError
from support.agents import Agent, alive, job, until

Make = Callable[..., Agent]


def _cluster(make: Make) -> list[Agent]:
    nodes = [make(), make()]
    for agent in nodes:
        agent.up()
    for rank, agent in enumerate(nodes):
        stop = {mode: f"echo {mode} >> {agent.home}/stopped" for mode in ("stop", "down")}
        peers = {} if rank else {"1": {"socket": nodes[1].socket}}
        agent.configure(agent.client(), rank=rank, num_nodes=2, peers=peers, self_stop=stop)
    return nodes


def _stopped(agent: Agent) -> str:
    path = agent.home / "stopped"
    return path.read_text() if path.exists() else ""


def test_it_fires_on_every_node_after_the_last_job(make: Make) -> None:
    """A minute-less policy waits for the job, then stops both nodes once, and takes no more jobs."""
    nodes = _cluster(make)
    client = nodes[0].client()
    client.call("autostop.set", idle_minutes=0, down=True, wait_for="jobs")
    number = client.call("jobs.submit", **job("sleep 2.5"))["id"]
    time.sleep(2.2)
    assert [_stopped(agent) for agent in nodes] == ["", ""]
    ended = client.call("jobs.wait", id=number)
    until(lambda: all(_stopped(agent) == "down\n" for agent in nodes))
    assert time.time() - ended["ended_at"] > 4
    with pytest.raises(AgentError) as refused:
        client.call("jobs.submit", **job("true"))
    assert refused.value.code == "shutting_down"


def test_it_survives_a_restart_of_the_agent(make: Make) -> None:
    """The clock goes on counting where it was when the agent is killed and started again."""
    nodes = _cluster(make)
    client = nodes[0].client()
    client.call("autostop.set", idle_minutes=0, down=False, wait_for="jobs")
    client.call("jobs.wait", id=client.call("jobs.submit", **job("true"))["id"])
    until(lambda: client.call("autostop.get")["idle_seconds"] > 0.5)
    nodes[0].kill()
    nodes[0].up()
    assert nodes[0].client().call("autostop.get")["idle_seconds"] > 0.5
    until(lambda: all(_stopped(agent) == "stop\n" for agent in nodes))


def test_a_policy_that_is_cleared_does_nothing(agent: Agent) -> None:
    """Without a policy, or without a command for its mode, nothing happens and jobs are taken."""
    client = agent.ready(self_stop={"stop": f"echo stop >> {agent.home}/stopped"})
    client.call("autostop.set", idle_minutes=0, down=True, wait_for="none")
    client.call("jobs.wait", id=client.call("jobs.submit", **job("true"))["id"])
    client.call("autostop.set", idle_minutes=0, down=False, wait_for="jobs")
    client.call("jobs.wait", id=client.call("jobs.submit", **job("true"))["id"])
    client.call("autostop.set", policy=None)
    time.sleep(8)
    assert _stopped(agent) == ""
    assert client.call("jobs.wait", id=client.call("jobs.submit", **job("true"))["id"])["state"] == "succeeded"


def test_a_node_that_stopped_itself_and_is_started_begins_anew(agent: Agent) -> None:
    """The policy is kept, but not the idleness that it acted on: the started node takes jobs."""
    client = agent.ready(self_stop={"stop": f"echo stop >> {agent.home}/stopped"})
    client.call("autostop.set", idle_minutes=0, down=False, wait_for="jobs")
    client.call("jobs.wait", id=client.call("jobs.submit", **job("true"))["id"])
    until(lambda: _stopped(agent) == "stop\n")
    agent.kill()
    agent.up()
    client = agent.client()
    assert client.call("autostop.get")["policy"] == {"idle_minutes": 0, "down": False, "wait_for": "jobs"}
    assert client.call("autostop.get")["idle_seconds"] < 4
    time.sleep(2.5)
    assert client.call("jobs.wait", id=client.call("jobs.submit", **job("true"))["id"])["state"] == "succeeded"


def test_a_cluster_that_the_user_stops_forgets_its_policy(agent: Agent) -> None:
    """What comes up again after a shutdown has no policy until it is told."""
    client = agent.ready(self_stop={"stop": f"echo stop >> {agent.home}/stopped"})
    client.call("autostop.set", idle_minutes=1, down=False, wait_for="jobs")
    client.call("agent.shutdown", cancel_jobs=True)
    until(lambda: not alive(agent.pid or 0))
    agent.up()
    assert agent.client().call("autostop.get")["policy"] is None


def test_what_waits_is_not_begun_by_a_node_that_removes_itself(agent: Agent) -> None:
    """Its running job is killed; the next in line does not start in the ruins, and no secret is left on tmpfs."""
    ending = f"kill $(cat {agent.home}/pid); touch {agent.home}/ended"
    client = agent.ready(self_stop={"down": ending})
    before = set(Path("/dev/shm").glob("styx-*"))
    cpus = client.call("hello", protocol=1, client="t")["cpus"]
    first = client.call("jobs.submit", **job("echo $$ > pid; exec sleep 100", cpus=cpus))["id"]
    waiting = client.call("jobs.submit", **job("touch begun", cpus=cpus, secrets={"TOKEN": "t"}))["id"]
    until((agent.home / "pid").exists)
    client.call("autostop.set", idle_minutes=0, down=True, wait_for="none")
    until((agent.home / "ended").exists)
    client.call("jobs.wait", id=first)
    time.sleep(0.3)
    assert client.call("jobs.list", ids=[waiting])["jobs"][0]["state"] == "pending"
    assert not (agent.home / "begun").exists()
    ours = [path for path in set(Path("/dev/shm").glob("styx-*")) - before if _names(path, agent)]
    assert ours == []


def _names(path: Path, agent: Agent) -> bool:
    link = path / "state"
    return link.is_symlink() and str(link.readlink()).endswith(str(agent.state))
