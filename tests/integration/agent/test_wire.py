"""The socket under clients that are wrong, slow, many or malicious."""

from __future__ import annotations

import json
import random
import socket
import time
from pathlib import Path

import pytest

from styx.agent.protocol import MAX_FRAME, AgentError, encode, encode_json
from support.agents import Agent, Client, job


def _error(client: Client) -> dict[str, object]:
    """The error about the connection as a whole, after which it is closed."""
    message, _ = client.message()
    assert message["id"] is None
    with pytest.raises(ConnectionError):
        client.message()
    error: dict[str, object] = message["error"]
    return error


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        (MAX_FRAME + 1).to_bytes(4, "big") + b"J",
        encode(b"J", b"{"),
        encode(b"J", b"[1]"),
        encode(b"J", b"[" * 100_000),
        encode(b"J", b"\xff\xfe"),
        encode(b"B", b"bytes"),
        encode_json({"method": "hello"}),
        encode_json({"id": "1", "method": "hello"}),
        encode_json({"id": True, "method": "hello"}),
        encode_json({"id": 1, "method": 5}),
        encode_json({"id": 1, "method": "hello", "params": []}),
    ],
    ids=lambda data: data[:40].decode(errors="replace"),
)
def test_garbage_gets_one_error_and_is_hung_up_on(agent: Agent, garbage: bytes) -> None:
    """What is no frame or no message is answered once with id null; the agent serves others as before."""
    other = agent.ready()
    with agent.client() as client:
        client.socket.sendall(garbage)
        assert _error(client)["code"] == "bad_request"
    assert other.call("jobs.list") == {"jobs": []}
    assert not (agent.state / "agent.log").exists()


def test_random_bytes(agent: Agent) -> None:
    """No bytes whatever harm the agent."""
    client = agent.ready()
    source = random.Random(7)
    for _ in range(200):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(agent.socket)
            data = source.randbytes(source.randrange(1, 200))
            stranger.sendall(b"\0\0" + data if source.random() < 0.5 else data)
    assert client.call("jobs.list") == {"jobs": []}
    assert not (agent.state / "agent.log").exists()


def test_a_request_in_many_pieces(agent: Agent) -> None:
    """A frame may come a byte at a time, and many in one piece."""
    client = agent.ready()
    frame = encode_json({"id": 900, "method": "jobs.list", "params": {}})
    for at in range(len(frame)):
        client.socket.sendall(frame[at : at + 1])
    assert client.message()[0]["id"] == 900
    client.socket.sendall(b"".join(encode_json({"id": n, "method": "jobs.list"}) for n in range(1000, 1100)))
    assert sorted(client.message()[0]["id"] for _ in range(100)) == list(range(1000, 1100))


def _flood(client: Client) -> None:
    for _ in range(1_000_000):
        client.send("jobs.list", x="y" * 1000)


def test_a_client_that_never_reads(agent: Agent) -> None:
    """Requests without end from one who reads no answer stop being read; the agent's memory stays small."""
    other = agent.ready()
    other.call("jobs.wait", id=other.call("jobs.submit", **job("#" * 100_000))["id"])
    with agent.client() as client:
        client.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            _flood(client)
        begun = time.monotonic()
        other.call("jobs.list")
        assert time.monotonic() - begun < 0.5
        status = Path(f"/proc/{agent.pid}/status").read_text()
        assert int(status.split("VmRSS:")[1].split()[0]) < 40 * 1024


def test_too_many_requests_at_once(agent: Agent) -> None:
    """One connection may have a thousand requests in flight; more are refused."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("sleep 100"))["id"]
    requests = [client.send("jobs.wait", id=number) for _ in range(1001)]
    with pytest.raises(AgentError) as refused:
        client.answer(requests[-1])
    assert refused.value.code == "too_many"
    with agent.client() as other:
        other.call("jobs.cancel", ids=None)
    assert all(client.answer(request)["state"] == "cancelled" for request in requests[:-1])


def test_too_many_connections(agent: Agent) -> None:
    """Past the limit connections are closed at once; when some end there is room again."""
    agent.ready()
    clients = [agent.client() for _ in range(300)]
    answered = 0
    for client in clients:
        try:
            client.call("jobs.list")
            answered += 1
        except (ConnectionError, OSError):
            pass
    assert answered == 255
    for client in clients:
        client.close()
    time.sleep(0.2)
    assert agent.client().call("jobs.list") == {"jobs": []}


def test_an_id_in_use_is_an_error(agent: Agent) -> None:
    """Two requests with one id cannot be told apart: the connection ends."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("sleep 100"))["id"]
    request = json.dumps({"id": 50, "method": "jobs.wait", "params": {"id": number}}).encode()
    client.socket.sendall(encode(b"J", request) * 2)
    assert _error(client)["code"] == "bad_request"


def test_hundreds_of_waits_end_together(agent: Agent) -> None:
    """Many clients wait for one job, and all get the same answer."""
    first = agent.ready()
    number = first.call("jobs.submit", **job("until [ -e go ]; do sleep 0.02; done"))["id"]
    clients = [agent.client() for _ in range(50)]
    requests = [(client, client.send("jobs.wait", id=number)) for client in clients for _ in range(4)]
    (agent.home / "go").touch()
    assert {client.answer(request)["state"] for client, request in requests} == {"succeeded"}
