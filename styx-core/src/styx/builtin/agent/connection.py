"""One connection to one agent: many requests in flight, answers matched by number."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from styx.agent.protocol import (
    BYTES,
    MAX_FRAME,
    AgentError,
    ProtocolError,
    decode_json,
    encode_json,
    read_frame,
)
from styx.api import ByteStream

Message = Mapping[str, Any]


class ConnectionLost(Exception):
    """The connection ended before the answer came. Whether the request was carried out is not known."""


class Connection:
    """Requests over one stream. Made inside a running event loop; :meth:`close` it."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._failure: Exception | None = None
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._failure is None

    async def call(self, method: str, params: Message, deadline: float | None) -> Message:
        """Send one request and return its result.

        Raises AgentError (refused), ConnectionLost, ProtocolError (nonsense came back) or TimeoutError after
        ``deadline`` seconds; a request nobody waits for any more is cancelled on the agent.
        """
        if self._failure is not None:
            raise self._failure
        number = next(self._numbers)
        frame = _request(number, method, params)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            async with asyncio.timeout(deadline):
                self._stream.write(frame)
                await _drained(self._stream)
                return await answer
        except (TimeoutError, asyncio.CancelledError):
            self._stream.write(encode_json({"id": number, "cancel": True}))
            raise
        finally:
            del self._pending[number]

    def close(self) -> None:
        """Give up all requests in flight; safe to repeat."""
        self._reader.cancel()
        self._end(ConnectionLost("closed"))

    async def _read(self) -> None:
        try:
            while True:
                kind, payload = await read_frame(self._stream)
                if kind == BYTES:
                    raise ProtocolError("bytes that nobody asked for")
                self._answer(decode_json(payload))
        except (asyncio.IncompleteReadError, OSError):
            self._end(ConnectionLost("the agent closed the connection"))
        except (AgentError, ProtocolError) as error:
            self._end(error)
        finally:
            self._end(ConnectionLost("closed"))

    def _answer(self, message: Message) -> None:
        number = message.get("id")
        if number is None:
            result_of(message)  # an error about the connection as a whole
            raise ProtocolError("an answer without a number")
        waiting = self._pending.get(number) if type(number) is int else None
        if waiting is None or waiting.done():
            return  # the answer to a request that was cancelled
        try:
            waiting.set_result(result_of(message))
        except (AgentError, ProtocolError) as error:
            waiting.set_exception(error)

    def _end(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
            self._stream.close()
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(self._failure)


async def stream(connected: ByteStream, method: str, params: Message) -> AsyncGenerator[tuple[Message, bytes], None]:
    """Send one request over a stream of its own and yield its items, each with the bytes that follow it.

    A stream of its own, so that a reader who is slow holds back this agent's sending and nothing else. Closes it at
    the end. Raises AgentError, ConnectionLost and ProtocolError.
    """
    try:
        connected.write(_request(1, method, params))
        await _drained(connected)
        while True:
            kind, payload = await read_frame(connected)
            if kind == BYTES:
                raise ProtocolError("bytes that no item announced")
            message = decode_json(payload)
            item = message.get("item")
            if item is None:
                result_of(message)
                return
            if not isinstance(item, dict):
                raise ProtocolError("an item that is not an object")
            yield item, await _announced(connected, item)
    except (asyncio.IncompleteReadError, OSError) as error:
        raise ConnectionLost("the agent closed the connection") from error
    finally:
        connected.close()


def _request(number: int, method: str, params: Message) -> bytes:
    try:
        return encode_json({"id": number, "method": method, "params": params})
    except ProtocolError:
        raise AgentError("too_large", f"{method} would be more than {MAX_FRAME >> 10} KiB") from None


async def _announced(connected: ByteStream, item: Message) -> bytes:
    if "size" not in item:
        return b""
    kind, payload = await read_frame(connected)
    if kind != BYTES or type(item["size"]) is not int or item["size"] != len(payload):
        raise ProtocolError("an item followed by something other than its bytes")
    return payload


async def _drained(connected: ByteStream) -> None:
    """The reading side is the one that reports a loss, with whatever was received before it."""
    with contextlib.suppress(OSError):
        await connected.drain()


def result_of(message: Message) -> Message:
    """The result in an answer; raises AgentError for a refusal and ProtocolError for neither."""
    error = message.get("error")
    if isinstance(error, dict):
        raise AgentError(str(error.get("code", "internal")), str(error.get("message", "")))
    result = message.get("result")
    if not isinstance(result, dict):
        raise ProtocolError("an answer with neither result nor error")
    return result
