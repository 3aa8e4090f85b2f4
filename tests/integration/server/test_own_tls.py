"""A server whose certificate nobody vouches for, and clients that know its fingerprint."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from styx.api.errors import InvalidConfig
from styx.client.remote.http import Http
from styx.server.http import certificate


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Its URL, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate.own(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()
        thread.join()


def test_it_is_known_by_its_fingerprint(server: tuple[str, list[str]], tmp_path: Path) -> None:
    """Whoever shows another certificate, or one that nobody was told of, is not sent a token."""
    url, asked = server
    right = certificate.fingerprint(certificate.own(tmp_path)[0])
    other = certificate.fingerprint(certificate.own(tmp_path / "other")[0])
    for pin in (other, ""):
        with pytest.raises(InvalidConfig, match="cannot be trusted") as refused:
            Http(url, "secret", pin, sleep=lambda _: None).json("GET", "/v1/me")
        assert "--fingerprint" in (refused.value.hint or "")
    assert asked == []
    assert Http(url, "secret", right).json("GET", "/v1/me") == {}
    assert asked == ["/v1/me"]
