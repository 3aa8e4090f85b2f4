"""What runs on a node over one SSH session: how it begins, and its input and output as a stream."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncssh

NOISE_LIMIT = 1 << 16  # bytes that login scripts may print
_MARK = b"styx-pid:"


def wrap(command: str) -> str:
    """The command as a session gets it: run by ``/bin/sh``, after a line with its process id.

    Whatever a login script may print comes before that line. The id is what the command is ended by, since sshd passes
    on no signals where one logs in as root.
    """
    return f"/bin/sh -c 'echo {_MARK.decode()}$$; exec /bin/sh -c \"$0\"' {shlex.quote(command)}"


async def begin(process: asyncssh.SSHClientProcess[bytes]) -> tuple[bytes, int | None]:
    """What was written before the command began, and its process id; None when it never did."""
    noise = b""
    while len(noise) < NOISE_LIMIT:
        try:
            line = await process.stdout.readuntil(b"\n")
        except asyncio.IncompleteReadError as end:
            return noise + end.partial, None
        before, mark, pid = line.rpartition(_MARK)
        if mark and pid.strip().isdigit():
            return noise + before, int(pid)
        noise += line
    raise OSError("its login scripts write without end")


class SshStream:
    """A channel as a stream. A lost connection reads as the end of the stream; what is written then is dropped."""

    def __init__(
        self,
        reader: asyncssh.SSHReader[bytes],
        writer: asyncssh.SSHWriter[bytes],
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_close = on_close
        self._closed = False

    async def readexactly(self, count: int) -> bytes:
        """Exactly ``count`` bytes."""
        import asyncssh

        try:
            return await self._reader.readexactly(count)
        except (asyncssh.Error, OSError) as error:
            raise asyncio.IncompleteReadError(b"", count) from error

    async def read(self, count: int = -1) -> bytes:
        """At most ``count`` bytes; empty at the end."""
        import asyncssh

        try:
            return await self._reader.read(count)
        except (asyncssh.Error, OSError):
            return b""

    def write(self, data: bytes) -> None:
        """Queue bytes."""
        with contextlib.suppress(OSError):
            self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the queue is short."""
        import asyncssh

        with contextlib.suppress(asyncssh.Error, OSError):
            await self._writer.drain()

    def write_eof(self) -> None:
        """Say that nothing more will come."""
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    def close(self) -> None:
        """Close both directions."""
        if not self._closed:
            self._closed = True
            self._writer.close()
            if self._on_close is not None:
                self._on_close()
