"""Installations with managed jobs, and what is told of these."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.managed import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """A new one, without a server."""
    made = Installation(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One with a server, for all tests of a module."""
    made = Installation(tmp_path_factory.mktemp("served") / "home")
    made.serve()
    yield made
    made.close()


class Receiver(HTTPServer):
    """A server on this machine that keeps what it is told, at ``url``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keeping)
        self.told: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class _Keeping(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Keep it."""
        told: list[dict[str, Any]] = self.server.told  # type: ignore[attr-defined]
        told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that listens."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
