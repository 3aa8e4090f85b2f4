"""Jobs on several nodes: all start or none, one fails and all are ended, and what becomes of lost nodes."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from styx.agent.protocol import AgentError, Decoder, decode_json
from support.agents import Agent, Client, alive, job, until

Make = Callable[..., Agent]


@pytest.fixture
def nodes(make: Make) -> list[Agent]:
    """Three agents that run."""
    made = [make() for _ in range(3)]
    for agent in made:
        agent.up()
    return made


def form(nodes: list[Agent], peers: dict[int, dict[str, object]] | None = None) -> Client:
    """Make a cluster of agents; a connection to its head."""
    addresses = {str(n): (peers or {}).get(n, {"socket": agent.socket}) for n, agent in enumerate(nodes) if n}
    ips = [f"10.0.0.{n}" for n in range(len(nodes))]
    common = {"num_nodes": len(nodes), "node_ips": ips}
    for rank, agent in enumerate(nodes):
        agent.configure(agent.client(), rank=rank, peers=addresses if rank == 0 else {}, **common)
    return nodes[0].client()


def ran(agent: Agent) -> str:
    """What a test's job noted in the agent's home."""
    path = agent.home / "ran"
    return path.read_text() if path.exists() else ""


def up_to(agent: Agent, text: str) -> None:
    """Wait until a job has noted this."""
    until(lambda: text in ran(agent))


def test_every_node_runs_its_rank_and_the_logs_come_together(nodes: list[Agent]) -> None:
    """A job on three nodes runs a rank on each, with its number and everybody's addresses."""
    client = form(nodes)
    run = 'echo "$STYX_NODE_RANK of $STYX_NUM_NODES:" $SKYPILOT_NODE_IPS; echo "$SECRET" > secret'
    number = client.call("jobs.submit", **job(run, num_nodes=3, secrets={"SECRET": "hush"}))["id"]
    logs = client.log(number)
    assert logs == {n: f"{n} of 3: 10.0.0.0 10.0.0.1 10.0.0.2\n".encode() for n in range(3)}
    ended = client.call("jobs.wait", id=number)
    assert (ended["state"], ended["exit_code"], ended["ranks"]) == ("succeeded", 0, {"0": 0, "1": 0, "2": 0})
    assert [(agent.home / "secret").read_text() for agent in nodes] == ["hush\n"] * 3
    assert client.log(number, rank=2, follow=False) == {2: logs[2]}
    assert client.log(number, rank=1, follow=False, offsets={"1": 5}) == {1: logs[1][5:]}
    assert client.log(number, rank=1, follow=False, tail=0) == {}


def test_no_rank_runs_before_every_setup_is_done(nodes: list[Agent]) -> None:
    """A rank whose set-up is done early waits for the last one."""
    client = form(nodes)
    setup = '[ "$STYX_NODE_RANK" != 2 ] || until [ -e go ]; do sleep 0.02; done; echo setup >> ran'
    number = client.call("jobs.submit", **job("date +%s.%N > at", setup=setup, num_nodes=3))["id"]
    up_to(nodes[0], "setup")
    up_to(nodes[1], "setup")
    time.sleep(0.5)
    assert not any((agent.home / "at").exists() for agent in nodes)
    assert client.call("jobs.list")["jobs"][0]["state"] == "setting_up"
    released = time.time()
    (nodes[2].home / "go").touch()
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"
    assert all(float((agent.home / "at").read_text()) > released for agent in nodes)


def test_a_setup_that_fails_keeps_everybody_from_running(nodes: list[Agent]) -> None:
    """One failed set-up ends the job as failed_setup with its code; no rank has run."""
    client = form(nodes)
    setup = '[ "$STYX_NODE_RANK" != 1 ] || exit 6; sleep 0.3'
    number = client.call("jobs.submit", **job("echo ran >> ran", setup=setup, num_nodes=3))["id"]
    ended = client.call("jobs.wait", id=number)
    assert (ended["state"], ended["exit_code"]) == ("failed_setup", 6)
    assert "rank 1" in ended["reason"]
    assert [ran(agent) for agent in nodes] == ["", "", ""]


def test_one_rank_fails_and_the_others_are_ended(nodes: list[Agent]) -> None:
    """The job fails with the code of the rank that failed first, and no process of the others is left."""
    client = form(nodes)
    run = '[ "$STYX_NODE_RANK" != 1 ] || { sleep 0.3; exit 9; }; echo $$ > ran; sleep 100'
    number = client.call("jobs.submit", **job(run, num_nodes=3))["id"]
    ended = client.call("jobs.wait", id=number)
    assert (ended["state"], ended["exit_code"], ended["ranks"]["1"]) == ("failed", 9, 9)
    assert "rank 1" in ended["reason"]
    assert not alive(int(ran(nodes[0])))
    assert not alive(int(ran(nodes[2])))


def test_a_gang_is_cancelled_everywhere(nodes: list[Agent]) -> None:
    """jobs.cancel ends every rank before it answers."""
    client = form(nodes)
    number = client.call("jobs.submit", **job("echo $$ > ran; sleep 100", num_nodes=3))["id"]
    for agent in nodes:
        up_to(agent, "\n")
    assert client.call("jobs.cancel", ids=None) == {"cancelled": [number]}
    assert not any(alive(int(ran(agent))) for agent in nodes)


def test_a_gang_waits_until_all_its_nodes_are_free(nodes: list[Agent]) -> None:
    """CPUs are counted on every node: a job on one keeps a job on all three waiting."""
    client = form(nodes)
    cpus = client.call("hello", protocol=1, client="t")["cpus"]
    hold = "echo up >> ran; until [ -e go ]; do sleep 0.02; done"
    first = client.call("jobs.submit", **job(hold, cpus=cpus, num_nodes=2))["id"]
    gang = client.call("jobs.submit", **job("true", cpus=0.5, num_nodes=3))["id"]
    up_to(nodes[1], "up")
    assert client.call("jobs.list", ids=[gang])["jobs"][0]["state"] == "pending"
    for agent in nodes[:2]:
        (agent.home / "go").touch()
    assert client.call("jobs.wait", id=gang)["state"] == "succeeded"
    assert client.call("jobs.wait", id=first)["state"] == "succeeded"


def test_a_node_that_never_answers_fails_the_job_before_anything_starts(nodes: list[Agent]) -> None:
    """All or none: with one node out of reach the job fails and names it, and nothing has run on the others."""
    client = form(nodes, {2: {"socket": "/nonexistent/agent.sock"}})
    number = client.call("jobs.submit", **job("echo ran >> ran", num_nodes=3))["id"]
    ended = client.call("jobs.wait", id=number)
    assert ended["state"] == "failed"
    assert "node 2" in ended["reason"]
    assert [ran(agent) for agent in nodes] == ["", "", ""]
    other = client.call("jobs.submit", **job("echo ran >> ran", num_nodes=2))["id"]
    assert client.call("jobs.wait", id=other)["state"] == "succeeded"


def test_a_node_that_dies_after_it_was_known_fails_the_start(nodes: list[Agent]) -> None:
    """A node known to the head that is gone when a job starts: none start, and the job says which node."""
    client = form(nodes)
    warm = client.call("jobs.submit", **job("true", num_nodes=3))["id"]
    client.call("jobs.wait", id=warm)
    nodes[1].kill()
    number = client.call("jobs.submit", **job("echo ran >> ran", num_nodes=3))["id"]
    ended = client.call("jobs.wait", id=number)
    assert ended["state"] == "failed"
    assert "node 1" in ended["reason"]
    assert [ran(agent) for agent in nodes] == ["", "", ""]
    nodes[1].up()
    again = client.call("jobs.submit", **job("echo ran >> ran", num_nodes=3))["id"]
    assert client.call("jobs.wait", id=again)["state"] == "succeeded"


def test_a_lost_node_ends_the_gang(nodes: list[Agent]) -> None:
    """A node that is out of reach for too long loses the job; what ran on the others is ended."""
    client = form(nodes)
    number = client.call("jobs.submit", **job("echo $$ > ran; sleep 100", num_nodes=3))["id"]
    for agent in nodes:
        up_to(agent, "\n")
    nodes[2].kill()
    ended = client.call("jobs.wait", id=number)
    assert ended["state"] == "lost"
    assert "node 2" in ended["reason"]
    assert not alive(int(ran(nodes[0])))
    assert not alive(int(ran(nodes[1])))


def test_a_peer_whose_agent_restarts_in_time_loses_nothing(nodes: list[Agent]) -> None:
    """The head watches on once the peer answers again, and its log is whole."""
    client = form(nodes)
    run = "echo a; echo up >> ran; until [ -e go ]; do sleep 0.02; done; echo b"
    number = client.call("jobs.submit", **job(run, num_nodes=3))["id"]
    request = client.send("logs.read", id=number, rank=1, follow=True)
    for agent in nodes:
        up_to(agent, "up")
    nodes[1].kill()
    nodes[1].up()
    for agent in nodes:
        (agent.home / "go").touch()
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"
    assert b"".join(data for _, data in client.items(request)) == b"a\nb\n"


def test_a_restarted_head_takes_up_its_gang(nodes: list[Agent]) -> None:
    """After kill -9 of the head's agent, in the set-up, the gang goes on and runs once on every node."""
    client = form(nodes)
    setup = "echo setup >> ran; until [ -e go ]; do sleep 0.02; done"
    number = client.call("jobs.submit", **job("echo run >> ran", setup=setup, num_nodes=3, secrets={"A": "b"}))["id"]
    for agent in nodes:
        up_to(agent, "setup")
    nodes[0].kill()
    nodes[0].up()
    client = nodes[0].client()
    for agent in nodes:
        (agent.home / "go").touch()
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"
    assert [ran(agent) for agent in nodes] == ["setup\nrun\n"] * 3


def test_a_killed_rank_is_a_lost_gang(nodes: list[Agent]) -> None:
    """When one rank's shim is killed the gang is lost and the others are ended."""
    client = form(nodes)
    number = client.call("jobs.submit", **job("echo $$ > ran; sleep 100", num_nodes=2))["id"]
    for agent in nodes[:2]:
        up_to(agent, "\n")
    shim = int((nodes[1].state / "jobs" / f"{number}-1" / "process").read_text().split()[0])
    os.kill(shim, signal.SIGKILL)
    assert client.call("jobs.wait", id=number)["state"] == "lost"
    assert not alive(int(ran(nodes[0])))


def test_peers_through_a_command(nodes: list[Agent]) -> None:
    """A peer may be reached through a command whose standard input and output are the connection."""
    bridge = [sys.executable, "-I", "-S", nodes[1].program, "bridge", "--socket", nodes[1].socket]
    failing = ["sh", "-c", "echo no such host >&2; exit 255"]
    client = form(nodes, {1: {"argv": bridge}, 2: {"argv": failing}})
    number = client.call("jobs.submit", **job("echo here", num_nodes=2))["id"]
    assert client.log(number) == {0: b"here\n", 1: b"here\n"}
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"
    ended = client.call("jobs.wait", id=client.call("jobs.submit", **job("true", num_nodes=3))["id"])
    assert ended["state"] == "failed"
    assert "no such host" in ended["reason"]


def test_shutdown_with_cancelling_reaches_the_peers(nodes: list[Agent]) -> None:
    """Every job's processes are dead on every node, and every agent has ended."""
    client = form(nodes)
    client.call("jobs.submit", **job("echo $$ > ran; sleep 100", num_nodes=3))
    for agent in nodes:
        up_to(agent, "\n")
    pids = [agent.pid or 0 for agent in nodes]
    client.call("agent.shutdown", cancel_jobs=True)
    assert not any(alive(int(ran(agent))) for agent in nodes)
    until(lambda: not any(map(alive, pids)))


def test_ranks_that_no_head_watches_any_more_are_ended(make: Make) -> None:
    """When the head is gone for good, what it started elsewhere does not run for ever; a watched rank does."""
    nodes = [make(), make(STYX_AGENT_ABANDONED="3")]
    for agent in nodes:
        agent.up()
    client = form(nodes)
    client.call("jobs.submit", **job("echo $$ > ran; sleep 100", num_nodes=2))
    up_to(nodes[1], "\n")
    pid = int(ran(nodes[1]))
    time.sleep(4)
    assert alive(pid)
    nodes[0].kill()
    until(lambda: not alive(pid))


def test_a_claim_lapses(agent: Agent) -> None:
    """A reservation that is not committed in time is gone, and a commit after that is not_reserved."""
    client = agent.ready()
    asked = {"job": 1, "rank": 0, "spec": {"run": "echo ran >> ran"}, "gpus": [], "hold": False, "epoch": 1}
    client.call("gang.reserve", **asked, seconds=0.1)
    time.sleep(0.3)
    with pytest.raises(AgentError) as refused:
        client.call("gang.commit", job=1, rank=0)
    assert refused.value.code == "not_reserved"
    client.call("gang.reserve", **asked, seconds=10)
    assert client.call("gang.commit", job=1, rank=0) == {}
    assert client.call("gang.commit", job=1, rank=0) == {}
    phases = [item["phase"] for item, _ in client.items(client.send("gang.watch", job=1, rank=0))]
    assert phases[-1] == "exited"
    assert ran(agent) == "ran\n"


def test_a_held_rank_waits_for_go_and_a_watch_beats(agent: Agent) -> None:
    """A hold stops a rank between set-up and run; a watch has items even while nothing changes."""
    client = agent.ready()
    spec = {"setup": "echo setup >> ran", "run": "echo run >> ran"}
    client.call("gang.reserve", job=1, rank=0, spec=spec, hold=True, epoch=1, seconds=10)
    client.call("gang.commit", job=1, rank=0)
    watch = client.items(client.send("gang.watch", job=1, rank=0))
    phases = [next(watch)[0]["phase"]]
    while phases[-1] != "ready":
        phases.append(next(watch)[0]["phase"])
    assert next(watch)[0]["phase"] == "ready"  # the heartbeat
    assert ran(agent) == "setup\n"
    client.call("gang.go", job=1, rank=0)
    assert [item["phase"] for item, _ in watch][-1] == "exited"
    assert ran(agent) == "setup\nrun\n"


@contextmanager
def forgetful(path: str, target: str, method: str) -> Iterator[list[str]]:
    """A socket before another that loses the connection instead of the first answer to one method."""
    forgot: list[str] = []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=carry, args=(client,), daemon=True).start()

    def carry(client: socket.socket) -> None:
        decoder, drop = Decoder(), threading.Event()
        with client, socket.socket(socket.AF_UNIX) as agent:
            agent.connect(target)

            def back() -> None:
                with suppress(OSError):  # either end may be gone by now
                    while data := agent.recv(1 << 16):
                        if drop.is_set():
                            client.shutdown(socket.SHUT_RDWR)
                            return
                        client.sendall(data)

            backwards = threading.Thread(target=back, daemon=True)
            backwards.start()
            while data := client.recv(1 << 16):
                if (
                    any(decode_json(payload).get("method") == method for _, payload in decoder.feed(data))
                    and not forgot
                ):
                    forgot.append(method)
                    drop.set()
                agent.sendall(data)
            with suppress(OSError):
                agent.shutdown(socket.SHUT_RDWR)
            backwards.join()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield forgot
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


@pytest.mark.parametrize("method", ["gang.reserve", "gang.commit", "gang.go", "gang.cancel"])
def test_an_answer_that_is_lost_on_the_way(nodes: list[Agent], method: str) -> None:
    """When the connection breaks after a request was carried out it is asked again, and each rank runs once."""
    front = str(Path(nodes[1].socket).with_name("front.sock"))
    with forgetful(front, nodes[1].socket, method) as forgot:
        client = form(nodes[:2], {1: {"socket": front}})
        hang = "sleep 100" if method == "gang.cancel" else "true"
        number = client.call("jobs.submit", **job(f"echo $$ >> ran; {hang}", num_nodes=2))["id"]
        if method == "gang.cancel":
            up_to(nodes[0], "\n")
            up_to(nodes[1], "\n")
            assert client.call("jobs.cancel", ids=None) == {"cancelled": [number]}
        else:
            assert client.call("jobs.wait", id=number)["state"] == "succeeded"
        assert forgot == [method]
        assert [len(ran(agent).split()) for agent in nodes[:2]] == [1, 1]
        assert not any(alive(int(ran(agent))) for agent in nodes[:2])
        for agent in nodes[:2]:
            agent.kill()
