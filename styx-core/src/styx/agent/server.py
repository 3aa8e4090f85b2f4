"""The agent's socket and the requests that come in over it."""

from __future__ import annotations

import os
import socket
import sqlite3
import stat
import struct

from . import loop
from .protocol import (
    BYTES,
    JSON,
    MAX_FRAME,
    AgentError,
    ProtocolError,
    decode_json,
    encode,
    encode_json,
)
from .wire import Gone, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Awaitable, Callable, Mapping

    Send = Callable[..., Awaitable[None]]  # (item, data = b"")
    Handler = Callable[[dict[str, Any], Send], Awaitable[dict[str, Any]]]

MAX_CONNECTIONS = 256
MAX_IN_FLIGHT = 1000  # requests on one connection
_STILL_ANSWERED = frozenset({"hello", "agent.shutdown", "gang.cancel"})  # by an agent that is shutting down


def listen(path: str) -> socket.socket:
    """Return a listening socket at ``path`` that only this user reaches. Raises AgentError when that cannot be."""
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise AgentError("bad_request", f"{directory} must be a directory of this user's with mode 0700")
    if answers(path):
        raise AgentError("bad_request", f"another agent listens on {path}")
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    os.chmod(path, 0o600)
    listening.listen(1024)
    listening.setblocking(False)
    return listening


def answers(path: str) -> bool:
    """Whether anybody listens on the socket, however busy."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True  # many wait in line
        except OSError:
            return False
    return True


class Server:
    """Takes connections and hands their requests to ``methods``, any number at once.

    ``on_contact`` is called once, when the first request that makes sense has come.
    """

    def __init__(
        self,
        methods: Mapping[str, Handler],
        on_error: Callable[[BaseException], None],
        on_contact: Callable[[], None] = lambda: None,
    ) -> None:
        self._methods = methods
        self._on_error = on_error
        self._on_contact: Callable[[], None] | None = on_contact
        self.connections = 0
        self.closing = False  # refuses new requests

    async def serve(self, listening: socket.socket) -> None:
        """Take connections for ever."""
        while True:
            try:
                connected, _ = listening.accept()
            except BlockingIOError:
                await loop.ready(listening.fileno(), loop.READ)
                continue
            except OSError as error:  # out of descriptors: those in use come back
                self._on_error(error)
                await loop.sleep(0.2)
                continue
            if not _same_user(connected) or self.connections >= MAX_CONNECTIONS:
                connected.close()
                continue
            self.connections += 1
            loop.spawn(self._connection(Wire(connected)))

    async def _connection(self, wire: Wire) -> None:
        requests: dict[int, loop.Task] = {}
        try:
            while True:
                for kind, payload in await wire.receive():
                    await wire.drained()  # who does not read its answers is not asked for more requests
                    await self._message(wire, requests, kind, payload)
        except ProtocolError as error:
            await _answer(wire, None, error=AgentError("bad_request", str(error)))
            await wire.flushed(1.0)
        except Gone:
            pass
        finally:
            wire.close()
            for task in list(requests.values()):
                task.cancel()
                await task.settled()
            await wire.finish()
            self.connections -= 1

    async def _message(self, wire: Wire, requests: dict[int, loop.Task], kind: bytes, payload: bytes) -> None:
        if kind != JSON:
            raise ProtocolError("bytes that no request announced")
        message = decode_json(payload)
        number = message.get("id")
        if type(number) is not int:
            raise ProtocolError("a message without a whole number as its id")
        if message.get("cancel") is True:
            if number in requests:
                requests[number].cancel()
            return
        method, params = message.get("method"), message.get("params", {})
        if not isinstance(method, str) or not isinstance(params, dict) or number in requests:
            raise ProtocolError("a request without a method, with params that are no object, or with an id in use")
        handler = self._methods.get(method)
        refusal = None
        if handler is None:
            refusal = AgentError("unknown_method", f"this agent has no method {method[:100]!r}")
        elif self.closing and method not in _STILL_ANSWERED:
            refusal = AgentError("shutting_down", "this agent is shutting down")
        elif len(requests) >= MAX_IN_FLIGHT:
            refusal = AgentError("too_many", f"more than {MAX_IN_FLIGHT} requests at once on one connection")
        if refusal is not None or handler is None:
            await _answer(wire, number, error=refusal)
            return
        if self._on_contact is not None:
            self._on_contact()
            self._on_contact = None
        requests[number] = loop.spawn(self._request(wire, requests, number, handler, params))

    async def _request(
        self, wire: Wire, requests: dict[int, loop.Task], number: int, handler: Handler, params: dict[str, Any]
    ) -> None:
        async def send(item: dict[str, Any], data: bytes = b"") -> None:
            frame = encode_json({"id": number, "item": item})
            await wire.send(frame + encode(BYTES, data) if data else frame)

        result, error = None, None
        try:
            result = await handler(params, send)
        except AgentError as refused:
            error = refused
        except loop.Cancelled:
            error = AgentError("cancelled", "the request was cancelled")
        except Gone:
            pass
        except (sqlite3.OperationalError, OSError) as failed:
            error = AgentError("no_space", f"the node's disk cannot be used: {failed}")
            self._on_error(failed)
        except Exception as failed:  # noqa: BLE001  # the daemon's outermost loop: one request's fault ends that request
            error = AgentError("internal", f"the agent failed ({type(failed).__name__}); its log on the node says more")
            self._on_error(failed)
        requests.pop(number, None)
        try:
            await _answer(wire, number, result, error)
        except Gone:
            pass


async def _answer(
    wire: Wire, number: int | None, result: dict[str, Any] | None = None, error: AgentError | None = None
) -> None:
    if error is None:
        try:
            frame = encode_json({"id": number, "result": result})
        except ProtocolError:
            error = AgentError("too_large", f"the answer is longer than {MAX_FRAME} bytes")
    if error is not None:
        frame = encode_json({"id": number, "error": {"code": error.code, "message": error.message[:2000]}})
    await wire.send(frame)


def _same_user(connected: socket.socket) -> bool:
    """Whether the other side runs as this user or as root."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return uid in {os.getuid(), 0}
