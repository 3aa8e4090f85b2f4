"""Server-sent events: streams that a client resumes where it left off, and that nobody can keep open by not reading."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from styx.api.errors import StoreError, StyxError
from styx.client.refusals import Unauthenticated, Unavailable
from styx.server.problems import problem_of, request_id
from styx.server.tallies import Seats

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import Receive, Scope, Send

log = logging.getLogger("styx.server")

MEDIA_TYPE = "text/event-stream"
BEAT_SECONDS = 15.0  # of silence, after which a comment shows both sides that the other is there
_HEADERS = {"x-accel-buffering": "no"}  # a proxy would keep it back


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, its data (JSON), and what a client names to go on after it."""

    name: str
    data: Any
    id: str = ""

    def encode(self) -> bytes:
        """As it is sent."""
        head = f"id: {self.id}\n" if self.id else ""
        return f"{head}event: {self.name}\ndata: {json.dumps(self.data, separators=(',', ':'))}\n\n".encode()


class Streams:
    """All streams of a server: how many there may be, how long a client may take to read, and their common end."""

    def __init__(self, most: int, stalled: float, each: int) -> None:
        self._seats = Seats("streams", each, most)
        self.stalled = stalled
        self.closing = asyncio.Event()

    def enter(self, user: str) -> None:
        """Count one of this user's. Raises TooManyRequests, Unavailable."""
        if self.closing.is_set():
            raise Unavailable("the server is ending")
        self._seats.enter(user)

    def leave(self, user: str) -> None:
        """Count one less."""
        self._seats.leave(user)


class EventStream(Response):
    """The answer that sends events as they come, each once the one before has been taken: nothing piles up.

    It ends with an event ``end``; with ``problem``, when something went wrong on the way; or, when the server ends, the
    client does not read, or its token counts no more, without either: the client then resumes, or is told why not.
    """

    media_type = MEDIA_TYPE

    def __init__(self, streams: Streams, events: AsyncGenerator[Event, None]) -> None:
        super().__init__(headers=_HEADERS)
        self._streams = streams
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it."""
        user = scope["state"]["caller"].user
        async with aclosing(self._events):
            self._streams.enter(user)
            try:
                await self._serve(scope, receive, send)
            finally:
                self._streams.leave(user)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [each for each in self.raw_headers if each[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        serving = asyncio.ensure_future(self._send_all(scope, send))
        ends = (_gone(receive), _shut_out(scope), self._streams.closing.wait())
        others = [asyncio.ensure_future(each) for each in ends]
        try:
            await asyncio.wait([serving, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (serving, *others):
                each.cancel()
            with suppress(asyncio.CancelledError):
                await serving
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, scope: Scope, send: Send) -> None:
        last = Event("end", {})
        try:
            async with aclosing(_with_beats(self._events)) as events:
                async for event in events:
                    await self._send(send, event.encode() if event else b": still here\n\n")
        except StyxError as error:
            last = Event("problem", problem_of(error, request_id(scope)).model_dump(exclude_none=True))
        except TimeoutError:
            log.info("request %s: the client does not read its stream, which is closed", request_id(scope))
            return
        with suppress(TimeoutError):
            await self._send(send, last.encode())

    async def _send(self, send: Send, data: bytes) -> None:
        async with asyncio.timeout(self._streams.stalled):
            await send({"type": "http.response.body", "body": data, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _shut_out(scope: Scope) -> None:
    """Wait until the token that has opened the stream would open no other."""
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        try:
            await scope["state"]["admitted"]()
        except Unauthenticated:
            return
        except StoreError:  # nobody can tell now
            continue


async def _with_beats(events: AsyncIterator[Event]) -> AsyncGenerator[Event | None, None]:
    """The events, and None after each while without one."""
    while True:
        following = asyncio.ensure_future(anext(events))
        try:
            while not (await asyncio.wait([following], timeout=BEAT_SECONDS))[0]:
                yield None
            yield following.result()
        except StopAsyncIteration:
            return
        finally:
            following.cancel()
            await asyncio.wait([following])
            if not following.cancelled():
                following.exception()  # which asyncio would tell of, where nobody waited for it any more
