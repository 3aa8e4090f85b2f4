"""Idempotency keys: who sends a POST again, because no answer came, gets the first answer, and nothing is repeated."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from styx.api.errors import StyxError
from styx.client.refusals import Clash, InvalidBody
from styx.server.auth.access import HARMLESS, OPEN
from styx.server.models import RequestOut
from styx.server.problems import MEDIA_TYPE, answer, problem_of
from styx.store.access import RequestNotFound
from styx.store.answers import Attempt

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from styx.sealing import Sealer
    from styx.store import Store
    from styx.threads import OffLoop

HEADER = b"idempotency-key"
_LONGEST = 256 * 1024  # characters of an answer: a short question may have one of megabytes
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_HANDED_IN = frozenset({"/v1/jobs", "/v1/dags"})  # where the key is that of the jobs
_TOKENS = "/v1/tokens"  # whose answers hold what may be good for longer than the one that asks for it
_REPLAYED = {"idempotent-replayed": "true"}
_OF_THE_MOMENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class Repeats:
    """ASGI middleware. An answer is kept for a day, sealed: it may show a token.

    The same key with the same request: the same answer. With another request, or by a token that may do more or less:
    422; so also a token that one asks for which did not make it. While the first is worked on: 409.
    What the server failed at (5xx) or had no time for is not kept. Of a long answer it is kept that there was one:
    the same request again is told so (409), and nothing is repeated.

    Jobs are handed in under the key, and found by it again: no answer is kept of them, which may be long. What takes a
    while is put on record as ``scope["state"]["number"]``, which comes of the key: so it is found again also where the
    server died before there was an answer. Whether one did is ``scope["state"]["again"]``, for the rest.
    """

    def __init__(
        self, app: ASGIApp, store: Store, sealer: Sealer, off_loop: OffLoop, server_id: Callable[[], str]
    ) -> None:
        self._app = app
        self._server_id = server_id
        self._answers = store.answers
        self._requests = store.requests
        self._sealer = sealer
        self._off_loop = off_loop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        keys = [value for name, value in scope["headers"] if name == HEADER] if scope["type"] == "http" else []
        if not keys or scope["method"] != "POST" or scope["path"] in OPEN | HARMLESS:  # where a repetition does nothing
            await self._app(scope, receive, send)
            return
        key, user = keys[0].decode("latin-1"), scope["state"]["caller"].user
        if len(keys) > 1 or not _KEY.fullmatch(key):
            await self._refuse(
                InvalidBody("Idempotency-Key must be 1 to 255 visible ASCII characters"), scope, receive, send
            )
            return
        if scope["path"] in _HANDED_IN:
            await self._app(scope, receive, send)
            return
        body = await _whole(receive)
        fingerprint = _fingerprint(scope, body)
        found = await self._off_loop(self._answers.begin, user, key, fingerprint, self._server_id())
        if isinstance(found, Attempt):
            number = sha256(f"{user} {key} {fingerprint}".encode()).hexdigest()[:16]
            scope["state"] |= {"number": number, "again": found.again}
            await self._first(scope, body, receive, send, found)
        elif found.fingerprint != fingerprint:
            await self._refuse(
                InvalidBody("this Idempotency-Key was used for another request", hint="Make a new one for each."),
                scope, receive, send,
            )  # fmt: skip
        elif not found.status:
            await self._refuse(
                Clash("the request with this Idempotency-Key is being worked on", hint="Ask again in a moment."),
                scope, receive, send,
            )  # fmt: skip
        else:
            kept = self._sealer.unseal(found.body, _about(user, key))
            media = "application/json" if found.status < HTTPStatus.BAD_REQUEST else MEDIA_TYPE
            await _told(Response(kept, found.status, _REPLAYED, media), scope, receive, send)

    async def _first(self, scope: Scope, body: bytes, receive: Receive, send: Send, attempt: Attempt) -> None:
        """Have it done, and keep the answer before it is sent."""
        answered: list[Message] = []

        async def kept(message: Message) -> None:
            answered.append(message)

        done = False
        try:
            await self._answer(scope, _again(body, receive), kept)
            status = next(each["status"] for each in answered if each["type"] == "http.response.start")
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _OF_THE_MOMENT:
                text = b"".join(each.get("body", b"") for each in answered).decode()
                if len(text) > _LONGEST:
                    status, text = HTTPStatus.CONFLICT, _too_long(status, scope["state"]["request"])
                sealed = self._sealer.seal(text, _about(attempt.user, attempt.key))
                await self._off_loop(self._answers.finish, attempt, status, sealed)
                done = True
        finally:
            if not done:
                await self._off_loop(self._answers.drop, attempt)
        for message in answered:
            await send(message)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """With the request that an earlier attempt has put on record, whatever has become of its cluster since."""
        try:
            record = await self._off_loop(self._requests.get, scope["state"]["number"])
        except RequestNotFound:
            await self._app(scope, receive, send)
            return
        shown = RequestOut.of(record).model_dump_json()
        await _told(Response(shown, HTTPStatus.ACCEPTED, media_type="application/json"), scope, receive, send)

    async def _refuse(self, error: StyxError, scope: Scope, receive: Receive, send: Send) -> None:
        await _told(answer(error, scope["state"]["request"]), scope, receive, send)


async def _told(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in place of the route, which counts as the one that did."""
    routes = scope["app"].routes if "app" in scope else ()
    scope["route"] = next((each for each in routes if each.matches(scope)[0] is Match.FULL), None)
    await response(scope, receive, send)


async def _whole(receive: Receive) -> bytes:
    """All of the body. Raises HTTPException where the connection breaks before its end: nothing is done, and kept."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise HTTPException(HTTPStatus.BAD_REQUEST)
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, and then whatever else comes."""
    given = False

    async def received() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received


def _fingerprint(scope: Scope, body: bytes) -> str:
    found = sha256()
    caller = scope["state"]["caller"]
    by = caller.token if scope["path"] == _TOKENS else caller.level.name
    for part in (scope["method"].encode(), scope["raw_path"], scope["query_string"], by.encode(), body):
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def _too_long(status: int, request: str) -> str:
    error = StyxError(
        f"this was answered before ({status}, request {request}), at a length that is not kept; nothing was repeated",
        hint="Look at what there is now, before you ask with a new Idempotency-Key.",
    )
    return problem_of(error, request, HTTPStatus.CONFLICT).model_dump_json(exclude_none=True)


def _about(user: str, key: str) -> str:
    return f"answer:{user}:{key}"
