"""An HTTP server that answers what a test tells it to, or breaks off; and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from styx import __version__


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as it is meant."""
        return json.loads(self.body)


Answer = Callable[[BaseHTTPRequestHandler], None]


class Script:
    """What is answered, in order; the last answer stands for all that follow. ``GET /health`` is not part of it."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.version = __version__
        self.url = ""

    def play(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        length = int(handler.headers.get("content-length") or 0)
        asked = Asked(handler.command, handler.path, dict(handler.headers), handler.rfile.read(length))
        if asked.path == "/health":
            said({"version": self.version})(handler)
            return
        self.asked.append(asked)
        (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(handler)


def said(data: Any, status: int = 200, media: str = "application/json", **headers: str) -> Answer:
    """An answer of JSON, or of the bytes that are given."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        handler.send_response(status)
        for name, value in {"content-type": media, "content-length": str(len(content)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def refused(code: str, status: int, **details: Any) -> Answer:
    """A problem."""
    problem = {"code": code, "detail": f"it is {code}", "details": details, "status": status}
    return said(problem, status, "application/problem+json")


def events(*pieces: bytes, whole: bool) -> Answer:
    """A stream of events, which breaks off in the middle unless it is ``whole``."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if whole:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            gone(handler)

    return answer


def gone(handler: BaseHTTPRequestHandler) -> None:
    """The connection breaks."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def playing(script: Script) -> Iterator[Script]:
    """The server, on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            script.play(self)

        do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_GET  # noqa: N815 - names that the library looks for

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
