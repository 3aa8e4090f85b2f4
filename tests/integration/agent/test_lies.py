"""Clients that lie about sizes and paths, and peers that lie about everything: the agent lives on and serves others."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styx.agent.protocol import MAX_FRAME, AgentError
from support.agents import Agent, Client, job
from support.liar import HELLO, liar

Say = Callable[[Any], None]


@pytest.fixture
def agent(make: Callable[..., Agent]) -> Agent:
    """One agent, which soon gives up on a peer."""
    return make(STYX_AGENT_PATIENCE="0.5")


@pytest.mark.parametrize(
    "workdir", ["../../../../../..", "/", "/etc/passwd", "loop", "none", "a\nb", "-", "x/" * 2000, "link"]
)
def test_a_workdir_is_where_it_says_or_the_home(agent: Agent, workdir: str) -> None:
    """One outside the home is the user's own affair; one that cannot be entered is the home, and nothing is made."""
    client = agent.ready()
    (agent.home / "loop").symlink_to("loop")
    (agent.home / "link").symlink_to("/")
    number = client.call("jobs.submit", **job("pwd", workdir=workdir))["id"]
    entered = Path(agent.home / workdir)
    expected = agent.home
    try:
        if entered.is_dir():
            expected = entered.resolve() if workdir != "link" else agent.home / "link"
    except OSError:
        pass
    assert client.log(number)[0].decode().rstrip("\n") == str(expected)
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"
    assert sorted(path.name for path in agent.home.iterdir()) == ["link", "loop"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("logs.read", {"id": 1 << 60}),
        ("logs.read", {"id": 1, "rank": 1 << 40}),
        ("logs.read", {"id": 1, "offsets": {"0": 1 << 60}}),
        ("logs.read", {"id": 1, "offsets": {"0": "1"}}),
        ("logs.read", {"id": 1, "tail": 1 << 50}),
        ("logs.read", {"id": "../1"}),
        ("jobs.wait", {"id": -1}),
        ("jobs.list", {"ids": ["../../1"]}),
        ("gang.reserve", {"job": 1, "rank": "0/../../x", "spec": {}}),
        ("gang.reserve", {"job": 1 << 60, "rank": 0, "spec": {}}),
        ("gang.reserve", {"job": 7, "rank": 0, "spec": {"run": "x", "workdir": "w" * 5000}}),
        ("gang.reserve", {"job": 7, "rank": 0, "spec": [], "gpus": [0] * 200_000}),
        ("gang.commit", {"job": 7, "rank": -1}),
        ("cluster.configure", {"cluster_key": "k" * 300}),
        ("cluster.configure", {"cluster_key": "key", "num_nodes": 1 << 30}),
        ("cluster.configure", {"cluster_key": "key", "num_nodes": 2, "peers": {"1": {"argv": [1]}}}),
        ("cluster.configure", {"cluster_key": "key", "num_nodes": 2, "peers": {"1": {"socket": "s" * 200}}}),
        ("autostop.set", {"idle_minutes": 1 << 40, "down": False}),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:50],
)
def test_numbers_and_names_out_of_bounds_are_refused(agent: Agent, method: str, params: dict[str, Any]) -> None:
    """Before they become a path, a size or a wait; and nothing is made of them."""
    client = agent.ready()
    before = sorted(str(path) for path in agent.root.rglob("*"))
    with pytest.raises(AgentError) as refused:
        client.call(method, **params)
    assert refused.value.code in {"bad_request", "not_found", "not_reserved"}
    assert sorted(str(path) for path in agent.root.rglob("*")) == before
    assert client.call("jobs.list") == {"jobs": []}


def test_sizes_that_are_within_bounds_are_no_trouble(agent: Agent) -> None:
    """Offsets past the end, as many ids as a frame holds, tails of more than there is, at once."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("echo hi"))["id"]
    client.call("jobs.wait", id=number)
    assert client.log(number, offsets={"0": 1 << 52}) == {}
    assert client.log(number, tail=1 << 40) == {0: b"hi\n"}
    many = client.call("jobs.list", ids=list(range(-50_000, 40_000)))["jobs"]
    assert [one["id"] for one in many] == [number]
    assert client.call("jobs.list", ids=[10**30]) == {"jobs": []}


def test_promised_bytes_that_never_come_hold_up_nobody(agent: Agent) -> None:
    """A hundred clients that each announce the longest frame and go silent cost what they have sent."""
    other = agent.ready()
    for client in [agent.client() for _ in range(100)]:
        client.socket.sendall(MAX_FRAME.to_bytes(4, "big") + b"J" + b"x" * 1000)
    begun = time.monotonic()
    assert other.call("jobs.list") == {"jobs": []}
    assert time.monotonic() - begun < 1
    status = Path(f"/proc/{agent.pid}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < 40 * 1024


def gang_with(agent: Agent, path: str) -> Client:
    """The agent as the head of two nodes, of which the other is a liar."""
    client = agent.ready(num_nodes=2, node_ips=["10.0.0.1", "10.0.0.2"], peers={"1": {"socket": path}})
    number = client.call("jobs.submit", **job("echo gang", num_nodes=2))["id"]
    assert number == 1
    return client


def honest(method: str, say: Say) -> bool:
    """Answer as an agent would that accepts everything; whether that was possible."""
    if method == "hello":
        say({"result": HELLO})
    elif method in {"gang.reserve", "gang.commit", "gang.go", "gang.cancel"}:
        say({"result": {}})
    else:
        return False
    return True


@pytest.mark.parametrize(
    "lie",
    [
        {"cpus": float("nan"), "gpus": []},
        {"cpus": float("inf"), "gpus": []},
        {"cpus": -1, "gpus": []},
        {"cpus": 10**400, "gpus": []},
        {"cpus": "4", "gpus": []},
        {"cpus": 4, "gpus": [7]},
        {"cpus": 4, "gpus": [{}]},
        {"cpus": 4, "gpus": [{"index": 1 << 70}]},
        {"cpus": 4, "gpus": [{"index": 0}] * 5000},
        {},
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_peer_that_lies_about_what_it_has_gets_no_job(agent: Agent, tmp_path: Path, lie: dict[str, Any]) -> None:
    """The gang fails and names it; the head's own jobs run."""

    def answer(method: str, _params: dict[str, Any], say: Say) -> None:
        if method == "hello":
            say({"result": {"protocol": 1, **lie}})
        else:
            honest(method, say)

    path = str(Path(agent.socket).with_name("liar"))
    with liar(path, answer):
        client = gang_with(agent, path)
        ended = client.call("jobs.wait", id=1)
        assert ended["state"] == "failed"
        assert "node 1" in ended["reason"]
        alone = client.call("jobs.submit", **job("echo alone", cpus=0.5))["id"]
        assert client.log(alone) == {0: b"alone\n"}


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ([{"phase": "exited", "code": 10**30}], "lost"),
        ([{"phase": "exited", "code": -9}], "lost"),
        ([{"phase": "exited", "code": "0"}], "lost"),
        ([{"phase": "exited"}], "lost"),
        ([{"phase": "exited", "code": 3}, {"phase": "running"}, {"phase": "exited", "code": 0}], "failed"),
        ([{"phase": ["running"], "code": {}}, {"phase": "transcended"}, {"phase": "exited", "code": 0}], "succeeded"),
        ([{"phase": "\x1b[31mred"}, {}, {"phase": "exited", "code": 0}], "succeeded"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_peer_that_lies_about_how_a_rank_ended(
    agent: Agent, tmp_path: Path, told: list[dict[str, Any]], state: str
) -> None:
    """What makes no sense is no end; an end is believed once, and what is told of it is within bounds."""

    def answer(method: str, _params: dict[str, Any], say: Say) -> None:
        if method == "gang.watch":
            for item in told:
                say({"item": item})
            say({"result": {}})
        else:
            honest(method, say)

    path = str(Path(agent.socket).with_name("liar"))
    with liar(path, answer):
        client = gang_with(agent, path)
        ended = client.call("jobs.wait", id=1)
        assert ended["state"] == state
        assert all(0 <= code <= 255 for code in ended["ranks"].values())


@pytest.mark.parametrize("lie", ["endless", "huge", "bytes", "garbage", "silence"])
def test_a_peer_whose_answers_make_no_sense_costs_its_own_job(agent: Agent, tmp_path: Path, lie: str) -> None:
    """Floods, frames too long, bytes that nobody asked for: the head gives that node up and serves everybody else."""

    def answer(method: str, _params: dict[str, Any], say: Say) -> None:
        if method != "gang.watch":
            honest(method, say)
            return
        while lie == "endless":
            say({"item": {"phase": "running", "padding": "x" * 10_000}})
        if lie == "huge":
            say((1 << 31).to_bytes(4, "big") + b"J" + bytes(1000))
        elif lie == "bytes":
            say({"item": {"size": 5}})
            say((5).to_bytes(4, "big") + b"B" + b"12345")
        elif lie == "garbage":
            say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    path = str(Path(agent.socket).with_name("liar"))
    with liar(path, answer):
        client = gang_with(agent, path)
        alone = client.call("jobs.submit", **job("echo alone", cpus=0.1))["id"]
        assert client.log(alone) == {0: b"alone\n"}
        status = Path(f"/proc/{agent.pid}/status").read_text()
        assert int(status.split("VmRSS:")[1].split()[0]) < 40 * 1024
        if lie in {"huge", "garbage"}:
            ended = client.call("jobs.wait", id=1)
            assert ended["state"] == "lost"
            assert "node 1" in ended["reason"]
        else:
            assert client.call("jobs.cancel", ids=[1]) == {"cancelled": [1]}


@pytest.mark.parametrize(
    "item", [{"rank": 0}, {"rank": 1, "offset": -1}, {"rank": 1, "offset": "0"}, {"rank": 5, "offset": 0}]
)
def test_a_peer_that_sends_anothers_output_is_cut_off(agent: Agent, tmp_path: Path, item: dict[str, Any]) -> None:
    """Nothing of it is passed on as that of the rank whose it says it is."""

    def answer(method: str, _params: dict[str, Any], say: Say) -> None:
        if method == "gang.watch":
            say({"item": {"phase": "exited", "code": 0}})
            say({"result": {}})
        elif method == "logs.read":
            say({"item": {**item, "size": 4}})
            say((4).to_bytes(4, "big") + b"Bevil")
            say({"result": {}})
        else:
            honest(method, say)

    path = str(Path(agent.socket).with_name("liar"))
    with liar(path, answer):
        client = gang_with(agent, path)
        client.call("jobs.wait", id=1)
        request = client.send("logs.read", id=1, rank=None, follow=True)
        with pytest.raises(AgentError, match="nobody asked for"):
            assert b"evil" not in b"".join(data for _, data in client.items(request))
