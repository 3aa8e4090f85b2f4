"""Every method of the protocol on one node, as protocol.py describes it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from styx.agent.protocol import PROTOCOL, AgentError
from support.agents import Agent, alive, job, until


def test_hello_says_who_answers(agent: Agent) -> None:
    """Hello tells protocol, build, process, machine and whether the node has been configured."""
    pid = agent.up()
    with agent.client() as client:
        hello = client.call("hello", protocol=PROTOCOL, client="test")
        assert hello["pid"] == pid
        assert hello["protocol"] == PROTOCOL
        assert hello["build"] in agent.program
        assert hello["cpus"] > 0
        assert hello["memory"] > 1 << 20
        assert hello["configured"] is False
        agent.configure(client, epoch=4)
        hello = client.call("hello", protocol=PROTOCOL, client="test")
        assert (hello["configured"], hello["cluster_key"], hello["epoch"]) == (True, "key", 4)


@pytest.mark.parametrize("protocol", [PROTOCOL + 7, -1, "1", None])
def test_hello_refuses_other_protocols(agent: Agent, protocol: object) -> None:
    """A protocol that this agent does not talk is refused."""
    agent.up()
    with agent.client() as client, pytest.raises(AgentError) as refused:
        client.call("hello", protocol=protocol, client="test")
    assert refused.value.code in {"unsupported_protocol", "bad_request"}


def test_a_job_runs_and_is_told_of(agent: Agent) -> None:
    """A submitted job runs in its workdir and home, and list and wait tell how it ended."""
    client = agent.ready(env={"FROM_CLUSTER": "yes"})
    (agent.home / "work").mkdir()
    run = 'echo "$FROM_CLUSTER $MINE $PWD $HOME $STYX_NODE_RANK $SKYPILOT_NUM_NODES $STYX_JOB_ID"; exit 7'
    asked = job(run, envs={"MINE": "a b"}, workdir="work", name="train", user="me")
    number = client.call("jobs.submit", **asked)["id"]
    ended = client.call("jobs.wait", id=number)
    assert ended["state"] == "failed"
    assert ended["exit_code"] == 7
    assert ended["ranks"] == {"0": 7}
    assert (ended["key"], ended["name"], ended["user"]) == (asked["key"], "train", "me")
    assert ended["submitted_at"] <= ended["started_at"] <= ended["ended_at"]
    assert client.call("jobs.list", ids=[number, 99])["jobs"] == [ended]
    assert client.log(number)[0].decode() == f"yes a b {agent.home}/work {agent.home} 0 1 {number}\n"


def test_the_same_key_is_the_same_job(agent: Agent) -> None:
    """Submitting again with the same key gives the same number and runs nothing."""
    client = agent.ready()
    asked = job("echo x >> ran")
    numbers = {client.call("jobs.submit", **asked)["id"] for _ in range(3)}
    assert len(numbers) == 1
    client.call("jobs.wait", id=numbers.pop())
    assert (agent.home / "ran").read_text() == "x\n"


def test_setup_comes_first_and_its_failure_is_the_end(agent: Agent) -> None:
    """The set-up runs before the job; one that fails ends it as failed_setup with its exit code."""
    client = agent.ready()
    good = client.call("jobs.submit", **job("echo run", setup="echo setup"))["id"]
    bad = client.call("jobs.submit", **job("echo run", setup="echo setup; exit 5"))["id"]
    assert client.call("jobs.wait", id=good)["state"] == "succeeded"
    assert client.log(good) == {0: b"setup\nrun\n"}
    ended = client.call("jobs.wait", id=bad)
    assert (ended["state"], ended["exit_code"]) == ("failed_setup", 5)
    assert client.log(bad) == {0: b"setup\n"}


def test_first_in_first_out_by_cpus(agent: Agent) -> None:
    """A job waits for its CPUs behind those before it, and one that claims nothing does not wait."""
    client = agent.ready()
    cpus = client.call("hello", protocol=PROTOCOL, client="t")["cpus"]
    first = client.call("jobs.submit", **job("until [ -e go ]; do sleep 0.02; done", cpus=cpus))["id"]
    second = client.call("jobs.submit", **job("true", cpus=cpus))["id"]
    third = client.call("jobs.submit", **job("true", cpus=0.5))["id"]
    free = client.call("jobs.submit", **job("true"))["id"]
    assert client.call("jobs.wait", id=free)["state"] == "succeeded"
    states = {one["id"]: one["state"] for one in client.call("jobs.list")["jobs"]}
    assert (states[first], states[second], states[third]) == ("running", "pending", "pending")
    (agent.home / "go").touch()
    ends = {number: client.call("jobs.wait", id=number) for number in (first, second, third)}
    assert {end["state"] for end in ends.values()} == {"succeeded"}
    assert ends[first]["ended_at"] <= ends[second]["started_at"] <= ends[third]["started_at"]


@pytest.mark.parametrize(
    ("claim", "reason"),
    [({"cpus": 100_000}, "100000 CPUs"), ({"gpus": 64}, "64 GPUs"), ({"num_nodes": 3}, "needs 3 nodes")],
)
def test_a_job_that_never_fits_fails_at_once(agent: Agent, claim: dict[str, int], reason: str) -> None:
    """A claim that no idle cluster of this size could meet fails with the reason, whatever runs."""
    client = agent.ready()
    client.call("jobs.submit", **job("sleep 60", cpus=0.1))
    number = client.call("jobs.submit", **job("true", **claim))["id"]
    ended = client.call("jobs.wait", id=number)
    assert ended["state"] == "failed"
    assert reason in ended["reason"]


def test_list_is_newest_first_and_bounded_by_a_frame(agent: Agent) -> None:
    """jobs.list gives the newest first, as many as a frame holds."""
    client = agent.ready()
    reason = "true #" + "x" * 100
    numbers = [client.call("jobs.submit", **job(reason))["id"] for _ in range(30)]
    assert [one["id"] for one in client.call("jobs.list")["jobs"]] == numbers[::-1]
    assert client.call("jobs.list", ids=[])["jobs"] == []


def test_cancel_ends_what_waits_and_what_runs(agent: Agent) -> None:
    """jobs.cancel answers with those that it cancelled, once they have ended."""
    client = agent.ready()
    cpus = client.call("hello", protocol=PROTOCOL, client="t")["cpus"]
    running = client.call("jobs.submit", **job("sleep 100", cpus=cpus))["id"]
    waiting = client.call("jobs.submit", **job("true", cpus=cpus))["id"]
    done = client.call("jobs.submit", **job("true"))["id"]
    client.call("jobs.wait", id=done)
    assert client.call("jobs.cancel", ids=[done, waiting, 77]) == {"cancelled": [waiting]}
    assert client.call("jobs.cancel", ids=None) == {"cancelled": [running]}
    assert client.call("jobs.cancel", ids=None) == {"cancelled": []}
    assert {one["state"] for one in client.call("jobs.list", ids=[running, waiting])["jobs"]} == {"cancelled"}


def test_waiting_for_a_job_that_is_none(agent: Agent) -> None:
    """Wait and logs of an unknown number are not_found."""
    client = agent.ready()
    for method in ("jobs.wait", "logs.read"):
        with pytest.raises(AgentError) as refused:
            client.call(method, id=5)
        assert refused.value.code == "not_found"


def test_older_epochs_are_refused(agent: Agent) -> None:
    """Once a newer epoch has spoken, configure, submit, cancel and reserve of an older one are stale_epoch, also later.

    Clients that have none, which is epoch 0, are heard all the same.
    """
    client = agent.ready(epoch=5)
    requests = {
        "cluster.configure": {"cluster_key": "key", "rank": 0, "num_nodes": 1, "epoch": 4},
        "jobs.submit": job("true", epoch=4),
        "jobs.cancel": {"ids": None, "epoch": 4},
        "gang.reserve": {"job": 1, "rank": 0, "spec": {}, "epoch": 4},
    }
    agent.kill()
    agent.up()
    client = agent.client()
    for method, params in requests.items():
        with pytest.raises(AgentError) as refused:
            client.call(method, **params)
        assert refused.value.code == "stale_epoch", method
    client.call("jobs.cancel", ids=None, epoch=0)
    client.call("jobs.submit", **job("true", epoch=6))
    assert client.call("hello", protocol=1, client="t")["epoch"] == 6


def test_another_clusters_configuration_is_refused(agent: Agent) -> None:
    """A state directory belongs to one cluster."""
    client = agent.ready()
    with pytest.raises(AgentError) as refused:
        agent.configure(client, cluster_key="other")
    assert refused.value.code == "bad_request"


def test_only_the_head_keeps_jobs(agent: Agent) -> None:
    """jobs.submit and autostop.set on another node are not_head; before any configuration they are bad_request."""
    agent.up()
    client = agent.client()
    with pytest.raises(AgentError) as refused:
        client.call("jobs.submit", **job("true"))
    assert refused.value.code == "bad_request"
    agent.configure(client, rank=1, num_nodes=2)
    for method, params in (("jobs.submit", job("true")), ("autostop.set", {"policy": None})):
        with pytest.raises(AgentError) as refused:
            client.call(method, **params)
        assert refused.value.code == "not_head"


def test_samples_have_every_field(agent: Agent) -> None:
    """metrics.sample has all fields, and memory and disk that are in use."""
    client = agent.ready()
    sample = client.call("metrics.sample")
    assert set(sample) == {
        "at", "cpu_percent", "memory_used", "memory_total", "disk_used", "disk_total", "net_received", "net_sent",
        "load", "gpus",
    }  # fmt: skip
    assert 0 < sample["memory_used"] < sample["memory_total"]
    assert 0 < sample["disk_used"] < sample["disk_total"]
    assert abs(sample["at"] - time.time()) < 60


def test_autostop_is_kept(agent: Agent) -> None:
    """The policy is stored, survives a restart, and null clears it."""
    client = agent.ready()
    assert client.call("autostop.get") == {"policy": None, "idle_seconds": 0.0}
    policy = {"idle_minutes": 5, "down": True, "wait_for": "jobs"}
    client.call("autostop.set", **policy)
    agent.kill()
    agent.up()
    client = agent.client()
    assert client.call("autostop.get")["policy"] == policy
    client.call("autostop.set", policy=None)
    assert client.call("autostop.get")["policy"] is None
    with pytest.raises(AgentError) as refused:
        client.call("autostop.set", idle_minutes=1, down=False, wait_for="godot")
    assert refused.value.code == "bad_request"


def test_a_node_stops_itself_by_its_own_command(agent: Agent) -> None:
    """node.self_stop runs the command for its mode; a mode without one is no_self_stop."""
    client = agent.ready(self_stop={"stop": None, "down": f"echo down > {agent.home}/stopped"})
    with pytest.raises(AgentError) as refused:
        client.call("node.self_stop", mode="stop")
    assert refused.value.code == "no_self_stop"
    assert client.call("node.self_stop", mode="down") == {}
    until((agent.home / "stopped").exists)


def test_shutdown_without_cancelling_leaves_jobs_alone(agent: Agent) -> None:
    """The daemon exits, the job goes on, and the next daemon tells how it ended."""
    client = agent.ready()
    pid = agent.pid
    number = client.call("jobs.submit", **job("until [ -e go ]; do sleep 0.02; done; echo done"))["id"]
    until(lambda: client.call("jobs.list")["jobs"][0]["state"] == "running")
    assert client.call("agent.shutdown", cancel_jobs=False) == {}
    until(lambda: not alive(pid or 0))
    assert not Path(agent.socket).exists()
    agent.up()
    client = agent.client()
    assert client.call("jobs.list")["jobs"][0]["state"] == "running"
    (agent.home / "go").touch()
    assert client.call("jobs.wait", id=number)["exit_code"] == 0
    assert client.log(number) == {0: b"done\n"}


def test_shutdown_with_cancelling_leaves_no_process(agent: Agent) -> None:
    """With cancel_jobs every process that any job ever started is dead when the answer comes."""
    client = agent.ready()
    pid = agent.pid
    done = client.call("jobs.submit", **job("setsid sleep 300 & echo $! > daemon; sleep 0.2"))["id"]
    client.call("jobs.wait", id=done)
    daemon = int((agent.home / "daemon").read_text())
    client.call("jobs.submit", **job("echo $$ > running; sleep 300"))
    running = int(until(lambda: (agent.home / "running").exists() and (agent.home / "running").read_text()))
    assert alive(daemon)  # what a job detached on purpose outlives the job
    client.call("agent.shutdown", cancel_jobs=True)
    assert not alive(daemon)
    assert not alive(running)
    until(lambda: not alive(pid or 0))


def test_unknown_methods_and_nonsense_parameters(agent: Agent) -> None:
    """An unknown method and parameters of the wrong kind are refused, and the connection stays of use."""
    client = agent.ready()
    with pytest.raises(AgentError) as refused:
        client.call("jobs.destroy")
    assert refused.value.code == "unknown_method"
    nonsense: list[tuple[str, dict[str, object]]] = [
        ("jobs.submit", {}),
        ("jobs.submit", job("true", key="")),
        ("jobs.submit", job("true", num_nodes=0)),
        ("jobs.submit", job("true", cpus=-1)),
        ("jobs.submit", job("true", cpus=True)),
        ("jobs.submit", job("true", cpus=float("nan"))),
        ("jobs.submit", job("true", envs={"A=B": "c"})),
        ("jobs.submit", job("true", envs={"A": "c\0"})),
        ("jobs.submit", job("a\0b")),
        ("jobs.submit", job("true", epoch="x")),
        ("jobs.list", {"ids": [1.5]}),
        ("jobs.list", {"ids": [True]}),
        ("jobs.wait", {"id": "1"}),
        ("jobs.cancel", {"ids": "all"}),
        ("logs.read", {"id": 1, "tail": -1}),
        ("logs.read", {"id": 1, "offsets": {"0": -5}}),
        ("logs.read", {"id": 1, "offsets": []}),
        ("gang.watch", {"job": 0, "rank": 0}),
        ("node.self_stop", {"mode": "explode"}),
        ("cluster.configure", {"cluster_key": "key", "rank": 3, "num_nodes": 2}),
        ("cluster.configure", {"cluster_key": "key", "rank": 0, "num_nodes": 2, "peers": {"1": {}}}),
    ]
    for method, params in nonsense:
        with pytest.raises(AgentError) as refused:
            client.call(method, **params)
        assert refused.value.code == "bad_request", (method, params, refused.value.message)
    assert client.call("jobs.list") == {"jobs": []}


def test_a_job_too_long_for_a_peer_is_refused(agent: Agent) -> None:
    """A job that would not fit into a frame with what the cluster adds is too_large."""
    client = agent.ready()
    with pytest.raises(AgentError) as refused:
        client.call("jobs.submit", **job("#" * 800_000))
    assert refused.value.code == "too_large"


def test_a_request_can_be_cancelled(agent: Agent) -> None:
    """Cancelling a request ends it with code cancelled, even in the same breath as it was sent."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("sleep 100"))["id"]
    for delay in (0.0, 0.1):
        request = client.send("jobs.wait", id=number)
        time.sleep(delay)
        client.cancel(request)
        with pytest.raises(AgentError) as refused:
            client.answer(request)
        assert refused.value.code == "cancelled"
    client.cancel(12345)
    assert client.call("jobs.list")["jobs"][0]["state"] == "running"
