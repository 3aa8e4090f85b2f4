"""The nodes of the cluster as the head reaches them: itself by function call, the others over a kept connection."""

from __future__ import annotations

import os
import signal
import socket

from . import loop, process
from .channel import Channel
from .protocol import PROTOCOL, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    from .channel import Taker
    from .server import Handler

TIMEOUT = 20.0  # seconds for an answer that does not wait for anything
SILENCE = 10.0  # seconds without a heartbeat after which a connection is taken for dead
LOOK = 2.0  # seconds between looks at whether a command is still needed
_SAID = 500
_PR_SET_PDEATHSIG = 1


class Member:
    """One node of the cluster. Whatever keeps it from answering is AgentError ``unreachable``."""

    async def call(self, method: str, params: dict[str, Any], timeout: float | None = TIMEOUT) -> dict[str, Any]:
        """Send a request and return its result."""
        raise NotImplementedError

    async def stream(
        self, method: str, params: dict[str, Any], take: Taker, silence: float | None = SILENCE
    ) -> dict[str, Any]:
        """Send a request, hand each item to ``take`` and return the result."""
        raise NotImplementedError


class Here(Member):
    """This node."""

    def __init__(self, methods: Mapping[str, Handler]) -> None:
        self._methods = methods

    async def call(
        self,
        method: str,
        params: dict[str, Any],
        timeout: float | None = TIMEOUT,  # noqa: ARG002  # a function is not lost on the way
    ) -> dict[str, Any]:
        """Call the method's function."""

        async def nobody(_item: dict[str, Any], _data: bytes = b"") -> None:
            return

        return await self._methods[method](params, nobody)

    async def stream(
        self,
        method: str,
        params: dict[str, Any],
        take: Taker,
        silence: float | None = SILENCE,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Call the method's function."""

        async def send(item: dict[str, Any], data: bytes = b"") -> None:
            await take(item, data)

        return await self._methods[method](params, send)


class Peer(Member):
    """Another node, reached by the path of its socket, else through a command that is a connection."""

    def __init__(self, number: int, address: Mapping[str, Any]) -> None:
        self.number = number
        self.address = address
        self._channel: Channel | None = None

    async def call(self, method: str, params: dict[str, Any], timeout: float | None = TIMEOUT) -> dict[str, Any]:
        """Send a request over the kept connection, opened if need be."""
        return await (await self._connected()).call(method, params, timeout)

    async def stream(
        self, method: str, params: dict[str, Any], take: Taker, silence: float | None = SILENCE
    ) -> dict[str, Any]:
        """Send a request over the kept connection, opened if need be."""
        return await (await self._connected()).stream(method, params, take, silence)

    async def stream_apart(self, method: str, params: dict[str, Any], take: Taker) -> dict[str, Any]:
        """Send a request over a connection of its own, which a taker who is slow may hold up."""
        channel = self._open()
        try:
            return await channel.stream(method, params, take, None)
        finally:
            channel.close()

    async def _connected(self) -> Channel:
        if self._channel is None or not self._channel.usable:
            channel = self._channel = self._open()
            try:
                await channel.call("hello", {"protocol": PROTOCOL, "client": "head"}, SILENCE)
            except AgentError:
                channel.close()
                raise
        return self._channel

    def _open(self) -> Channel:
        argv = self.address.get("argv")
        try:
            if self.address.get("socket"):
                try:
                    return Channel(_at(self.address["socket"]), lambda: "its agent closed the connection")
                except (FileNotFoundError, ConnectionRefusedError):
                    if not argv:
                        raise
            command = _Command(argv)
        except OSError as error:
            raise AgentError("unreachable", f"its agent does not answer: {error.strerror}") from error
        return Channel(command.socket, command.said)

    def close(self) -> None:
        """End the kept connection; safe to repeat."""
        if self._channel is not None:
            self._channel.close()


def _at(path: str) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX)
    connected.setblocking(False)  # refuse rather than wait in a long line
    try:
        connected.connect(path)
    except OSError:
        connected.close()
        raise
    return connected


def _end_with_parent() -> None:
    """Have the kernel end this process when the agent ends: a command that waits for a dead link would outlive it."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    except (ImportError, OSError, AttributeError):
        return  # then it ends when it finds out


class _Command:
    """A command whose standard input and output are a socket; it ends when that is closed."""

    def __init__(self, argv: list[str]) -> None:
        self.socket, theirs = socket.socketpair()
        self._errors = os.memfd_create("errors") if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR)
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                _end_with_parent()
                os.dup2(theirs.fileno(), 0)
                os.dup2(theirs.fileno(), 1)
                os.dup2(self._errors, 2)
                for number in (signal.SIGPIPE, signal.SIGXFSZ):
                    signal.signal(number, signal.SIG_DFL)
                os.execvp(argv[0], argv)
            except OSError as error:
                os.write(2, f"{argv[0]}: {error.strerror}".encode())
            finally:
                os._exit(127)
        theirs.close()
        self._who = process.Identity.of(pid)
        loop.spawn(self._end_with_socket())

    async def _end_with_socket(self) -> None:
        """A command that goes on without its connection is ended."""
        while self.socket.fileno() >= 0:
            await loop.sleep(LOOK)
        if self._who.alive():
            process.send([self._who.pid], signal.SIGTERM)
        errors, self._errors = self._errors, -1
        os.close(errors)

    def said(self) -> str:
        """Return what the command wrote about why it ended."""
        text = os.pread(self._errors, _SAID, 0).decode("utf-8", "replace") if self._errors >= 0 else ""
        return " ".join(text.split()) or "the connection to its agent was closed"
