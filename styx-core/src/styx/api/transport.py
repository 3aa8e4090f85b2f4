"""How core reaches a node: run a command, copy files, open the agent's socket. Asynchronous, because a node is far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from styx.api.errors import Unsupported


class ByteStream(Protocol):
    """A connected two-way stream of bytes."""

    async def readexactly(self, count: int) -> bytes:
        """Read exactly ``count`` bytes; raises :class:`asyncio.IncompleteReadError` at an early end."""

    def write(self, data: bytes) -> None:
        """Queue bytes to be sent."""

    async def drain(self) -> None:
        """Wait until the queue is short again."""

    def close(self) -> None:
        """Close both directions; safe to repeat."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended: exit status (128 + signal when killed) and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text, without the last newline."""
        return self.stdout.decode(errors="replace").rstrip("\n")


class Transport(ABC):
    """One node, reachable. Every method raises :class:`~styx.api.TransportError` when the node is not.

    Paths that are not absolute are relative to the node's home directory; ``~/`` is accepted and means the same.
    Connections are opened on first use and kept until :meth:`close`. Safe to use from several tasks of one event loop.
    """

    @abstractmethod
    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """Run a POSIX shell command in the node's home and wait for it, at most ``timeout`` seconds.

        A command that fails is a result, not an error. The command must hold no secret: it is visible in the process
        list of the node; pass secrets on ``stdin``.
        """

    @abstractmethod
    async def open_unix(self, path: str) -> ByteStream:
        """Connect to a unix socket on the node. Raises TransportError also when nobody listens there."""

    async def open_command(self, command: str) -> ByteStream:
        """Start a POSIX shell command in the node's home; the stream is its standard input and output.

        Closing the stream ends the command. What it writes to standard error is dropped. Optional: a transport that
        cannot do this raises Unsupported, and core then falls back to :meth:`run`.
        """
        raise Unsupported(f"this transport cannot hold a conversation with a command ({command[:40]})")

    @abstractmethod
    def interactive(self, command: str | None = None) -> list[str]:
        """The argument list of a local program that gives the user a terminal on the node (or runs a command there)."""

    def hosted(self, command: str | None = None, *, terminal: bool, term: str = "") -> list[str]:
        """As :meth:`interactive`, for somebody elsewhere, to whom a server passes on what the program reads and writes.

        Nothing that they type may reach the server itself: the program knows no escapes, asks nothing and forwards
        nothing. ``terminal`` is whether its standard input will be one, of the type ``term``, as in ``$TERM``.
        Optional: raises Unsupported, and then nodes are only reached from the machine of the server.
        """
        del command, terminal, term
        raise Unsupported(
            "terminals on these nodes are only for who is on the machine of the server",
            hint="`styx exec` and `styx logs` work from everywhere.",
            capability="terminal",
        )

    @abstractmethod
    async def close(self) -> None:
        """Close connections; safe to repeat. What runs on the node goes on."""
