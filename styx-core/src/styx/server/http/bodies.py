"""Bodies as they come in: no larger, slower, deeper or of more parts than is taken, and large ones apart."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from styx.api.errors import StoreError
from styx.client.refusals import Unauthenticated
from styx.server.auth.tokens import Level
from styx.server.http.apart import apart
from styx.server.settings import MiB, Settings
from styx.server.tallies import Tally, less

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_AT_ONCE = 1.0  # seconds in which a body has come at once
DRAINED, _DRAIN_SECONDS = 64 * MiB, 1.0
UPLOADS = ("/v1/files/", "/v1/storage/object")
_DAGS = "/v1/dags"
_MOST_PARTS = 100_000  # lists and mappings, each of which takes a hundred times the memory that its two bytes say


class Bodies:
    """ASGI middleware. Counts what comes, and gives up on who is too slow, before it is in memory.

    Whose body took its time is asked once more who they are: nothing is done for a token that was revoked meanwhile.

    What it raises is an HTTPException: that is all that the framework lets through while it reads a body.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._held: Tally = Counter()  # bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        settings, caller, user = self._settings, scope["state"].get("caller"), _user(scope)
        upload = scope["method"] == "PUT" and scope["path"].startswith(UPLOADS)
        may_run = caller is not None and caller.level > Level.READ
        large = settings.max_dag if may_run and scope["path"].startswith(_DAGS) else settings.max_body
        most = settings.max_upload if upload else large
        if _announced(scope) > most:
            await _drain(scope, receive)
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline, got, held, ended = began + settings.body_patience, 0, 0, False

        async def received() -> Message:
            nonlocal deadline, got, held, ended
            if ended:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
            if message["type"] != "http.request":  # the client is gone: no fault of ours, and no whole body
                raise HTTPException(HTTPStatus.BAD_REQUEST)
            size = len(message.get("body", b""))
            got += size
            ended = not message.get("more_body", False)
            if got > most:
                await _drain(scope, receive)
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            if upload:
                deadline += settings.body_patience * size / MiB
            else:
                held += size
                self._hold(user, size)
            if ended and caller is not None and loop.time() - began > _AT_ONCE:
                await _admit_again(scope)
            return message

        try:
            await self._app(scope, received, send)
        finally:
            less(self._held, user, held)

    def _hold(self, user: str, size: int) -> None:
        self._held[user] += size
        if self._held[user] > self._settings.user_bodies:
            raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS)


async def _drain(scope: Scope, receive: Receive) -> None:
    """Let the rest come, within bounds: closed with something unread, a connection is reset, and the answer lost."""
    if any(name == b"expect" for name, _ in scope["headers"]):  # it waits to be told to send
        return
    got, more = 0, True
    with suppress(TimeoutError):
        while more and got < DRAINED:
            async with asyncio.timeout(_DRAIN_SECONDS):
                message = await receive()
            got, more = got + len(message.get("body", b"")), message.get("more_body", False)


async def _admit_again(scope: Scope) -> None:
    """Raise HTTPException where the token counts no more, or allows something else by now, or nobody can tell."""
    try:
        caller = await scope["state"]["admitted"]()
    except Unauthenticated:
        caller = None
    except StoreError:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE) from None
    if caller != scope["state"]["caller"]:
        raise HTTPException(HTTPStatus.UNAUTHORIZED)


def _user(scope: Scope) -> str:
    """Whose it is; nobody's at the open addresses."""
    caller = scope["state"].get("caller")
    return caller.user if caller else ""


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _parsed(body: bytes) -> Any:
    """What the JSON says. Nobody else runs meanwhile, and no collection, which would look at each part many times."""
    gc.disable()
    try:
        return from_json(body, allow_inf_nan=False)
    finally:
        gc.enable()


class _JsonRequest(Request):
    """A request whose JSON is read by a parser that minds depth (200), NaN and halves of surrogate pairs."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            body = await self.body()
            if body.count(b"{") + body.count(b"[") > _MOST_PARTS:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            try:
                self._json = await apart(len(body), _user(self.scope), _parsed, body)
            except ValueError as error:
                raise JSONDecodeError(str(error), "", 0) from None
        return self._json


class Route(APIRoute):
    """A route that reads its body so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's own handler, given such a request."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return handler
