"""Peers that take their time, or never come to an end: cut off, while all others are served."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from styx.jobs.logs import path_of
from support.servers import Server, running

PATIENCE = 1.0


@pytest.fixture(scope="module")
def hasty() -> Iterator[Server]:
    """A server that waits for a second, and takes three streams and few requests at a time."""
    with (
        TemporaryDirectory(prefix="styx-", ignore_cleanup_errors=True) as home,
        running(
            Path(home, ".styx"), header_patience=PATIENCE, body_patience=PATIENCE, stalled=PATIENCE, streams=3,
            connections=30, user_rate=5.0, user_burst=50, address_rate=1.0, address_burst=10,
        ) as server,
    ):  # fmt: skip
        yield server


def ends(server: Server, *pieces: bytes, last: float = 0.0) -> tuple[bytes, float]:
    """What comes back for these, sent with a pause between, and after how many seconds the server has hung up."""
    began = time.monotonic()
    with server.connect() as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.settimeout(20 + last)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return answer, time.monotonic() - began


def test_who_says_nothing_is_hung_up_on(hasty: Server) -> None:
    """Before a request, in its header, in that of a second one, and in a body that has been answered already."""
    assert ends(hasty)[0] == b""
    unasked = b"POST /v1/tasks HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"
    assert ends(hasty, unasked)[0].startswith(b"HTTP/1.1 401 ")
    assert ends(hasty, b"GET /health HTTP/1.1\r\nhost:")[0] == b""
    answer, _ = ends(hasty, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET /health HTTP/1.1\r\nho")
    assert answer.count(b"HTTP/1.1 200") == 1
    assert hasty.ask("GET", "/health").status == 200


def test_there_are_only_so_many_connections(hasty: Server) -> None:
    """With one more that is hung up on which has said nothing for longest: who has opened many keeps nobody out."""
    with ExitStack() as opened:
        held = [opened.enter_context(hasty.connect()) for _ in range(60)]
        answer, _ = ends(hasty, b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        ended, _, _ = select.select(held, [], [], 0)
        assert held[0] in ended
        assert held[-1] not in ended
    hasty.pool.clear()  # its own were among them


def test_a_body_that_does_not_come_is_not_waited_for(hasty: Server) -> None:
    """408, and the end of the connection."""
    head = f"POST /v1/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {hasty.token}\r\ncontent-length: 100\r\n"
    for more in ("", "idempotency-key: slow\r\n"):
        answer, seconds = ends(hasty, f"{head}content-type: application/json\r\n{more}\r\n{{".encode())
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"too_slow" in answer
        assert PATIENCE * 0.8 <= seconds < 15
    put = f"PUT /v1/files/{'0' * 64} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {hasty.token}\r\n"
    assert ends(hasty, f"{put}content-length: 100\r\n\r\nabc".encode())[0].startswith(b"HTTP/1.1 408 ")
    assert [*(hasty.home / "uploads").iterdir()] == []


def test_what_nobody_wants_is_not_read_for_long(hasty: Server) -> None:
    """A body that goes on after its answer is taken to a bound, and the connection then ended."""
    head = b"PUT /v1/files/0 HTTP/1.1\r\nhost: x\r\ncontent-length: 900000000000\r\n\r\n"
    sent = 0
    with hasty.connect() as connection, suppress(ConnectionResetError, BrokenPipeError):
        connection.sendall(head)
        while sent < 2**30:
            connection.sendall(bytes(2**20))
            sent += 2**20
    assert 2**26 <= sent < 2**30


def test_who_does_not_read_a_stream_is_dropped(hasty: Server) -> None:
    """The server keeps little of what it could not send, and its other streams go on."""
    job = hasty.ask("POST", "/v1/jobs", {"task": {"run": "sleep 1000", "resources": {"infra": "nowhere"}}}).json[
        "items"
    ][0]
    log = path_of(hasty.home, job["id"])
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"x" * (64 << 20))
    before = memory(hasty)
    with hasty.connect() as connection:
        request = f"GET /v1/jobs/{job['id']}/logs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {hasty.token}\r\n\r\n"
        connection.sendall(request.encode())
        connection.recv(1)
        deadline = time.monotonic() + 30
        while "does not read" not in (hasty.home / "server.log").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "does not read" in (hasty.home / "server.log").read_text()
        assert memory(hasty) - before < 16 << 10
    name, _, _ = next(hasty.events(f"/v1/jobs/{job['id']}/logs"))
    assert name == "log"


def memory(server: Server) -> int:
    """What the process has, in KiB."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


def test_there_are_only_so_many_streams(hasty: Server) -> None:
    """One more is told to come back; when one has gone there is room."""
    task = {"run": "echo line; sleep 1000", "resources": {"infra": "local"}}
    hasty.result(hasty.ask("POST", "/v1/clusters", {"task": task, "options": {"cluster": "busy"}}))
    path = "/v1/clusters/busy/jobs/1/logs"
    streams = [hasty.events(path) for _ in range(3)]
    for stream in streams:
        next(stream)
    refused = hasty.ask("GET", path)
    assert (refused.status, refused.json["code"]) == (429, "too_many_requests")
    assert int(refused.headers["retry-after"]) >= 1
    streams[0].close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 20
    while hasty.ask("GET", f"{path}?follow=false").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for stream in streams:
        stream.close()  # type: ignore[attr-defined]
    hasty.result(hasty.ask("DELETE", "/v1/clusters/busy"))


def test_who_asks_too_often_is_told_when_to_ask_again(hasty: Server) -> None:
    """Each user has a rate of their own, however many tokens; health is always told."""
    tokens = [hasty.made("eager") for _ in range(2)]
    token = tokens[0]
    statuses = [hasty.ask("GET", "/v1/me", token=tokens[turn % 2]).status for turn in range(75)]
    assert set(statuses) == {200, 429}
    assert hasty.ask("GET", "/v1/me", token=token).headers["retry-after"] == "1"
    assert hasty.ask("GET", "/health").status == 200
    assert hasty.ask("GET", "/v1/me").status == 200


def test_who_tries_tokens_is_refused_for_a_while(hasty: Server) -> None:
    """After some wrong ones from an address the next are not even put on record; who has a good one gets in."""
    statuses = [hasty.ask("GET", "/v1/me", token=f"styx_{number:012}_guess").status for number in range(60)]
    assert set(statuses) == {401, 429}
    assert hasty.ask("GET", "/v1/me").status == 200
    assert len([each for each in hasty.ask("GET", "/v1/audit").json["items"] if each["status"] == 401]) < 60
