"""The HTTP connection: as uvicorn has it, for peers that are slow, or speak no HTTP."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from styx.api.errors import StyxError
from styx.client.refusals import InvalidBody, TooLarge
from styx.server.http.bodies import DRAINED
from styx.server.http.gate import MAX_HEADER
from styx.server.http.listening import Listening
from styx.server.problems import MEDIA_TYPE, problem_of

Idle = dict["Connection", None]  # all of a server that wait for a request, the longest first


class Connection(H11Protocol):
    """Gives up on who does not get to the end of a header, or of a body that was answered before it had come.

    What cannot be read is answered with a problem.
    """

    _deadline: asyncio.TimerHandle | None = None
    _unwanted = 0  # bytes that came since the last request was answered, and begin no other

    def __init__(
        self, *arguments: Any, patience: float, most: int, idle: Idle, listening: Listening, **more: Any
    ) -> None:
        """``patience`` is in seconds, for a header from its first byte on, and for the first byte of a connection.

        Of more than ``most`` that one is hung up on which has been ``idle`` for longest: who opens many takes the
        server no file that it needs for others, and keeps nobody out.
        """
        super().__init__(*arguments, **more)
        self._patience = patience
        self._most = most
        self._idle = idle
        self._listening = listening

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._listening.know(transport.get_extra_info("socket").fileno())
        self._idle[self] = None
        if len(self.connections) > self._most:
            longest = next(iter(self._idle))
            del self._idle[longest]
            longest.transport.abort()
        self._deadline = self.loop.call_later(self._patience, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        self._idle.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Go on reading; the time for a header counts again from when one begins."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._unwanted = 0
            self._wait_no_more()
            if not self.cycle.response_complete:
                self._idle.pop(self, None)
            return
        if before is not None and before.response_complete:
            self._unwanted += len(data)
        if self._unwanted > DRAINED:
            self.transport.abort()
        else:
            self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next request, of which a part may have come already."""
        super().on_response_complete()
        self._idle[self] = None
        if self.conn.trailing_data[0] or self.conn.their_state is h11.SEND_BODY:
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """What h11 could not read, as a problem; it says with which status."""
        del msg
        too_long = self.conn.their_state is h11.ERROR and len(self.conn.trailing_data[0]) >= MAX_HEADER
        error: StyxError = (
            TooLarge("the header of the request is too large") if too_long else InvalidBody("this is no HTTP request")
        )
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_long else HTTPStatus.BAD_REQUEST
        body = problem_of(error, "", status).model_dump_json(exclude_none=True).encode()
        headers: list[tuple[bytes, bytes]] = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            events: list[Any] = [
                h11.Response(status_code=status, headers=headers, reason=status.phrase.encode()),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ]
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wait(self) -> None:
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._deadline = self.loop.call_later(self._patience, self._too_slow)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
