"""The market over HTTP: bearer token, JSON, pages, a limit of requests, and errors as such APIs write them.

::

    GET    /v1/account         who the token belongs to
    GET    /v1/offers          what is sold, where, at what price
    POST   /v1/keys            {"name", "public_key"}: 201, or 409 when the name is taken
    POST   /v1/machines        {"name", "type", "region", "key", "spot", "labels"}: 202 and the machine, still pending
    GET    /v1/machines        a page of the account's machines, and "next" when there are more
    DELETE /v1/machines/{id}   202; it is listed as deleting until it is gone

Names of machines are not unique. An order that was accepted may still fail: the machine is then listed as failed, with
the reason, until it is deleted.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from market import PRICES, Market, Refused

PAGE = 10


class Limiter:
    """So many requests a second, and as many at once; says how long to wait."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = self._most = max(per_second, 1.0)
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> float:
        """0 when the request may pass, else the seconds until one may."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._most, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return (1 - self._left) / self._per_second
            self._left -= 1
            return 0.0


class Server(ThreadingHTTPServer):
    """The market at a port of 127.0.0.1. ``faults`` may take a request over, for tests: it returns True then."""

    daemon_threads = True

    def __init__(self, market: Market, token: str = "", port: int = 0, per_second: float = 50.0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.market = market
        self.token = token or secrets.token_urlsafe(16)
        self.limiter = Limiter(per_second)
        self.requests: list[str] = []
        self.faults: Callable[[Handler, str], bool] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 30
    body = b""

    def do_GET(self) -> None:
        """Answer a question."""
        self._answer("GET")

    def do_POST(self) -> None:
        """Take an order."""
        self._answer("POST")

    def do_DELETE(self) -> None:
        """Take something back."""
        self._answer("DELETE")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the class above
        """Keep quiet."""

    def reply(self, status: int, content: Any = None, **headers: str) -> None:
        """Send an answer, as JSON."""
        text = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        body = self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        what = f"{method} {parts.path}"
        self.server.requests.append(what)
        if self.server.faults is not None and self.server.faults(self, what):
            return
        wait = self.server.limiter.wait()
        if wait:
            self.reply(429, _error("rate_limited", "too many requests"), Retry_After=str(int(wait) + 1))
        elif not secrets.compare_digest(self.headers.get("Authorization", ""), f"Bearer {self.server.token}"):
            self.reply(401, _error("unauthorized", "the token is missing or wrong"))
        else:
            try:
                self.reply(*self.act(method, parts.path, parse_qs(parts.query), body))
            except Refused as no:
                self.reply(no.status, _error(no.code, no.message))
            except (ValueError, TypeError) as error:
                self.reply(422, _error("invalid", f"the request cannot be read: {error}"))

    def act(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any]:
        """Do what is asked; the status and content of the answer."""
        market = self.server.market
        order = json.loads(body) if body else {}
        match (method, path.strip("/").split("/")):
            case "GET", ["v1", "account"]:
                return 200, {"id": market.account, "limit": market.limit}
            case "GET", ["v1", "offers"]:
                return 200, {"offers": PRICES}
            case "POST", ["v1", "keys"]:
                market.add_key(str(order["name"]), str(order["public_key"]))
                return 201, {"name": order["name"]}
            case "POST", ["v1", "machines"]:
                return 202, market.rent(order).shown()
            case "GET", ["v1", "machines"]:
                return 200, self._page(market, query.get("after", [""])[0])
            case "DELETE", ["v1", "machines", id_]:
                market.release(id_)
                return 202, None
        raise Refused(404, "not_found", f"there is no {method} {path}")

    @staticmethod
    def _page(market: Market, after: str) -> dict[str, Any]:
        """The machines made after that one: none is missed because one of an earlier page has gone meanwhile."""
        listed = [machine for machine in market.listed() if machine.number > market.number_of(after)]
        page = [machine.shown() for machine in listed[:PAGE]]
        return {"machines": page, "next": page[-1]["id"] if len(listed) > PAGE else None}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
