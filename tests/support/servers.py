"""A real ``styx-server``: a process of its own, with a home of its own, spoken to over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

WAIT = 60.0  # seconds for a server to come up, on a machine that is busy


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass
class Server:
    """A running server. :meth:`ask` shows the token of its home's user unless it is given another, or an empty one."""

    home: Path
    process: subprocess.Popen[bytes]
    said: Mapping[str, Any]
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, maxsize=8))

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.said["url"])

    @property
    def token(self) -> str:
        """That of its home's user."""
        return str(self.said["token"])

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> Answer:
        """One request. A body that is no bytes is sent as JSON."""
        sent = {"authorization": f"Bearer {self.token if token is None else token}", **(headers or {})}
        if token == "":
            del sent["authorization"]
        if body is not None and not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"content-type": "application/json", **sent}
        found = self.pool.request(
            method, self.url + path, body=body, headers=sent, timeout=timeout, redirect=False, retries=False
        )
        return Answer(found.status, {name.lower(): value for name, value in found.headers.items()}, found.data)

    def made(self, name: str, role: str = "member", scopes: tuple[str, ...] = ()) -> str:
        """A new user's token."""
        self.ask("POST", "/v1/users", {"name": name, "role": role})
        made = self.ask("POST", "/v1/tokens", {"name": "test", "user": name, "scopes": list(scopes)})
        assert made.status == 201, made.json
        return str(made.json["token"])

    def events(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[tuple[str, Any, str]]:
        """The events of a stream as they come: name, data and id."""
        sent = {"authorization": f"Bearer {self.token}", **(headers or {})}
        answer = self.pool.request("GET", self.url + path, headers=sent, preload_content=False, timeout=60)
        assert answer.status == 200, answer.data
        name, data, number = "", None, ""
        try:
            for line in _lines(answer.stream(1024)):
                key, _, value = line.partition(": ")
                if not line:
                    if name:
                        yield name, data, number
                    name, data, number = "", None, ""
                elif key == "event":
                    name = value
                elif key == "data":
                    data = json.loads(value)
                elif key == "id":
                    number = value
        finally:
            answer.close()

    def result(self, asked: Answer) -> Any:
        """What becomes of a request: its result, or the problem."""
        assert asked.status == 202, asked.body
        *_, (name, data, _) = [
            each for each in self.events(f"/v1/requests/{asked.json['id']}/events") if each[0] != "end"
        ]
        assert name in {"result", "problem"}
        return data["result"] if name == "result" else data

    def connect(self) -> socket.socket:
        """A bare connection."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return socket.create_connection((host, int(port)), timeout=30)

    def kill(self) -> None:
        """As a crash."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(WAIT)

    def stop(self) -> int:
        """As an administrator does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT)


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from map(bytes.decode, lines)


_SET = """
from pathlib import PosixPath
from styx.server.serving import serve
from styx.server.settings import Settings
serve(Settings(port=0, {}), None)
"""


def start(home: Path, *options: str, env: Mapping[str, str] | None = None, **settings: object) -> Server:
    """Start one. What it writes is in ``server.log`` in its home. ``settings`` are those that no option is for."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "server.json").unlink(missing_ok=True)
    program = ["-m", "styx.server.main", "--home", str(home), "--port", "0", *options]
    if settings:
        program = ["-c", _SET.format(", ".join(f"{name}={value!r}" for name, value in settings.items()))]
    own = {**os.environ, "STYX_HOME": str(home), **(env or {})}
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *program], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=own
        )
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return Server(home, process, json.loads((home / "server.json").read_text()))
        except (FileNotFoundError, ValueError):
            time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(f"the server did not come up: {(home / 'server.log').read_text()[-2000:]}")


@contextmanager
def running(home: Path, *options: str, env: Mapping[str, str] | None = None, **settings: object) -> Iterator[Server]:
    """One for the block."""
    server = start(home, *options, env=env, **settings)
    try:
        yield server
    finally:
        server.stop()
        server.pool.clear()
