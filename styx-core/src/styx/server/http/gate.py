"""The outermost part of the server: every request has an id and every answer its headers, whatever happens inside."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from styx import __version__
from styx.api.errors import StyxError
from styx.engine.about import about
from styx.server.problems import answer, http_answer, unexpected
from styx.server.statuses import CLOSED, Sent

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("styx.server")

# Called with the scope, the status and the seconds of every request that has been answered.
Observer = Callable[["Scope", int, float], None]

_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_ONLY_TLS = (b"strict-transport-security", b"max-age=31536000")
HEALTH = "/health"
ALIVE = json.dumps({"status": "ok", "version": __version__}).encode()
MAX_HEADER = 32 * 1024
_LENGTHS = {b"content-length", b"transfer-encoding"}
_CLOSE = {"connection": "close"}


async def _healthy(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ALIVE)), *_HEADERS]
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
    await send({"type": "http.response.body", "body": ALIVE})


def _check(scope: Scope) -> None:
    """Raise HTTPException for a header that is large, or that a proxy might read otherwise than we do."""
    fields = sum(len(name) + len(value) for name, value in scope["headers"])
    if fields + len(scope["raw_path"]) + len(scope["query_string"]) > MAX_HEADER:
        raise HTTPException(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    if {name for name, _ in scope["headers"]} >= _LENGTHS:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the length of the body is told in two ways", _CLOSE)


class Gate:
    """ASGI middleware. What no other part has an answer to becomes one here, without a traceback."""

    def __init__(self, app: ASGIApp, observe: Observer | None = None) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] == HEALTH and scope["method"] == "GET":  # asked again and again, and never for anything else
            await _healthy(send)
            return
        request = scope.setdefault("state", {})["request"] = secrets.token_hex(8)
        own = [*_HEADERS, (b"x-request-id", request.encode())]
        if scope["scheme"] == "https":
            own.append(_ONLY_TLS)

        async def with_own(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        sent, began = Sent(with_own), time.monotonic()
        try:
            _check(scope)
            with about(request=request):
                await self._app(scope, receive, sent)
        except (StyxError, HTTPException) as error:
            if not sent.status:
                made = answer(error, request) if isinstance(error, StyxError) else http_answer(error, request)
                await made(scope, receive, sent)
        except Exception:
            log.exception("request %s: %s %s failed", request, scope["method"], scope["path"])
            if sent.status:
                raise  # the connection is cut: half an answer must not look like a whole one
            await unexpected(request)(scope, receive, sent)
        finally:
            if self._observe is not None:
                self._observe(scope, sent.status or CLOSED, time.monotonic() - began)
