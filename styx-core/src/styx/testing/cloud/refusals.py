"""A provider's API on which nothing works: a server of the kit's that refuses everything, or answers nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from styx.testing.server import running


class Refusals(ThreadingHTTPServer):
    """Answers every request with one status, or with None hangs up on it; ``requests`` has what came."""

    def __init__(self, status: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Refusals

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method of HTTP
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(f"{self.command} {self.path}")
        self.close_connection = True
        if self.server.status is not None:
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def refusing(status: int | None) -> Iterator[Refusals]:
    """The server, for the duration of the block."""
    with running(Refusals(status)) as server:
        yield server
