"""Notices of preemption, as real agents see, tell and keep them."""

from __future__ import annotations

from collections.abc import Callable

from support.agents import Agent, Client, alive, job, until

Make = Callable[..., Agent]
NOTICED = b"[styx: the provider has given notice that it takes this machine back]\n"
COMMAND = 'test -e "$HOME/notice"'
WAITS = (
    'printf begun; until [ -e "$STYX_PREEMPTION_NOTICE" ]; do sleep 0.02; done; cat "$STYX_PREEMPTION_NOTICE"; exit 9'
)


def told(client: Client) -> dict[str, float]:
    """What the agent says when it is greeted."""
    found: dict[str, float] = client.call("hello", protocol=1, client="t").get("notices", {})
    return found


def test_a_notice_is_told_to_jobs_and_to_clients(agent: Agent) -> None:
    """In the job's output and by a file; in every answer; and the time is the same in all."""
    client = agent.ready(notice=COMMAND)
    number = client.call("jobs.submit", **job(WAITS))["id"]
    until(lambda: client.log(number, follow=False) == {0: b"begun"})
    assert told(client) == {}
    assert "notices" not in client.call("jobs.list")
    (agent.home / "notice").touch()
    ended = client.call("jobs.wait", id=number)
    assert ended["exit_code"] == 9
    shown = client.log(number)[0]
    assert shown.startswith(b"begun\n" + NOTICED)
    assert shown[len(b"begun\n" + NOTICED) :].strip().endswith(b"Z")
    at = ended["notices"]
    assert set(at) == {"0"}
    reading = client.send("logs.read", id=number, rank=None, follow=False)
    assert all(item["notices"] == at for item, _ in client.items(reading))
    for method in ("jobs.list", "metrics.sample"):
        assert client.call(method)["notices"] == at
    assert told(client) == at


def test_an_agent_that_is_started_again_still_knows(agent: Agent) -> None:
    """It does not ask again, and says nothing into the output of jobs twice."""
    client = agent.ready(notice=f"{COMMAND} && rm $HOME/notice")
    number = client.call("jobs.submit", **job("echo begun; sleep 300"))["id"]
    until(lambda: client.log(number, follow=False) == {0: b"begun\n"})
    (agent.home / "notice").touch()
    at = until(lambda: told(client))
    agent.kill()
    agent.up()
    client = agent.client()
    assert told(client) == at
    assert client.log(number, follow=False) == {0: b"begun\n" + NOTICED}


def test_a_question_that_hangs_is_ended_with_all_that_it_started(agent: Agent) -> None:
    """The agent goes on as if nothing was."""
    agent.env["STYX_AGENT_ANSWER"] = "0.3"
    client = agent.ready(notice='sleep 300 & echo $! >> "$HOME/pids"; wait')
    pids = until(lambda: (agent.home / "pids").exists() and (agent.home / "pids").read_text().split())
    until(lambda: not alive(int(pids[0])))
    assert told(client) == {}
    assert client.call("jobs.wait", id=client.call("jobs.submit", **job("true"))["id"])["exit_code"] == 0


def test_the_head_tells_of_its_peers(make: Make) -> None:
    """As long as it runs a job there; a node that is lost after a notice was taken back."""
    nodes = [make(), make()]
    for rank, node in enumerate(nodes):
        peers = {"1": {"socket": nodes[1].socket}} if rank == 0 else {}
        node.up()
        ips = ["10.0.0.1", "10.0.0.2"]
        node.configure(node.client(), rank=rank, num_nodes=2, node_ips=ips, peers=peers, notice=COMMAND)
    client = nodes[0].client()
    number = client.call("jobs.submit", **job("echo begun; sleep 300", num_nodes=2))["id"]
    until(lambda: client.log(number, follow=False) == {0: b"begun\n", 1: b"begun\n"})
    (nodes[1].home / "notice").touch()
    assert set(until(lambda: client.call("jobs.list").get("notices"))) == {"1"}
    assert client.log(number, follow=False) == {0: b"begun\n", 1: b"begun\n" + NOTICED}
    nodes[1].kill()
    ended = client.call("jobs.wait", id=number)
    assert ended["state"] == "lost"
    assert ended["reason"].startswith("node 1 was taken back by its provider, as announced: ")
