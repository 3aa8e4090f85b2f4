"""A server on loopback that stands for a provider's API: real HTTP, and answers that a test thinks up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit


class Asked(NamedTuple):
    """A request: ``query`` are the parameters of its address, names of ``headers`` are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str


Server = TypeVar("Server", bound=ThreadingHTTPServer)
Answer = tuple[int, Mapping[str, str], str]  # status, headers and content


@contextmanager
def serving(answer: Callable[[Asked], Answer]) -> Iterator[str]:
    """A server for the duration of the block, at the URL that is handed over. It answers from several threads.

    ``Content-Length`` is told as it is unless ``answer`` says another, which makes an answer that is cut off.
    """

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            status, said, text = answer(asked)
            content = text.encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **said}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - as http.server names them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Let it answer, in threads, for the duration of the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
