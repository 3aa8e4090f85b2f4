"""A connection to another agent: requests and their answers, streams included."""

from __future__ import annotations

from collections import deque

from . import loop
from .protocol import BYTES, AgentError, ProtocolError, decode_json, encode_json
from .wire import Gone, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, Awaitable, Callable

    Taker = Callable[[dict[str, Any], bytes], Awaitable[None]]

BACKLOG = 16  # items that one stream may be ahead of who takes them


class _Request:
    __slots__ = ("answer", "arrived", "failure", "items")

    def __init__(self) -> None:
        self.items: deque[tuple[dict[str, Any], bytes]] = deque()
        self.answer: dict[str, Any] | None = None
        self.failure: AgentError | None = None
        self.arrived = loop.Signal()


class Channel:
    """Requests over one connected socket. What goes wrong with it is AgentError ``unreachable``."""

    def __init__(self, connected: socket.socket, why: Callable[[], str]) -> None:
        self._wire = Wire(connected)
        self._why = why  # what is known of why a connection ended
        self._requests: dict[int, _Request] = {}
        self._count = 0
        self._taken = loop.Signal()
        loop.spawn(self._read())

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return not self._wire.closed

    async def call(self, method: str, params: dict[str, Any], timeout: float | None) -> dict[str, Any]:
        """Send a request and return its result; ``timeout`` seconds without an answer end the connection."""
        return await self.stream(method, params, None, timeout)

    async def stream(
        self, method: str, params: dict[str, Any], take: Taker | None, silence: float | None
    ) -> dict[str, Any]:
        """Send a request, hand each of its items to ``take`` and return its result.

        ``silence`` seconds without a word end the connection.
        """
        self._count += 1
        number = self._count
        request = self._requests[number] = _Request()
        try:
            await self._wire.send(encode_json({"id": number, "method": method, "params": params}))
            while True:
                while request.items:
                    item, data = request.items.popleft()
                    self._taken.notify()
                    if take is not None:
                        await take(item, data)
                if request.failure is not None:
                    raise request.failure
                if request.answer is not None:
                    return request.answer
                if not await request.arrived.wait(silence):
                    self.close()
                    raise AgentError("unreachable", f"no answer to {method} within {silence:g} s")
        except ProtocolError as error:
            raise AgentError("too_large", str(error)) from error
        except Gone:
            raise AgentError("unreachable", self._why()) from None
        except loop.Cancelled:
            loop.spawn(self._withdraw(number))
            raise
        finally:
            del self._requests[number]

    async def _withdraw(self, number: int) -> None:
        try:
            await self._wire.send(encode_json({"id": number, "cancel": True}))
        except Gone:
            pass

    async def _read(self) -> None:
        announced: _Request | None = None
        item: dict[str, Any] = {}
        failure = ""
        try:
            while True:
                for kind, payload in await self._wire.receive():
                    if kind == BYTES:
                        await self._deliver(announced, item, payload)
                        announced = None
                        continue
                    message = decode_json(payload)
                    request = self._requests.get(message.get("id", 0))
                    if isinstance(message.get("item"), dict):
                        item = message["item"]
                        if "size" in item:
                            announced = request
                        else:
                            await self._deliver(request, item, b"")
                    elif request is not None:
                        _answer(request, message)
        except ProtocolError as error:
            failure = f"it does not make sense: {error}"
        except Gone:
            failure = self._why()
        finally:
            for waiting in self._requests.values():
                waiting.failure = waiting.failure or AgentError("unreachable", failure)
                waiting.arrived.notify()
            await self._wire.finish()

    async def _deliver(self, request: _Request | None, item: dict[str, Any], data: bytes) -> None:
        if request is None:
            return  # of a request that was cancelled
        request.items.append((item, data))
        request.arrived.notify()
        while len(request.items) >= BACKLOG and request in self._requests.values():
            await self._taken.wait(1.0)

    def close(self) -> None:
        """End the connection and every request on it; safe to repeat."""
        self._wire.close()


def _answer(request: _Request, message: dict[str, Any]) -> None:
    error, result = message.get("error"), message.get("result")
    if isinstance(error, dict):
        code = str(error.get("code", "internal"))
        # One that is shutting down may be about to be replaced by one of another build: what it refuses is asked again.
        code = "unreachable" if code == "shutting_down" else code
        request.failure = AgentError(code, str(error.get("message", ""))[:2000])
    elif isinstance(result, dict):
        request.answer = result
    else:
        request.failure = AgentError("internal", "an answer with neither a result nor an error")
    request.arrived.notify()
