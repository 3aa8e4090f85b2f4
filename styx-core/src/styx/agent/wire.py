"""One end of a connection: frames in, frames out, and never more in memory than the other side is behind by."""

from __future__ import annotations

import socket
from collections import deque

from . import loop
from .protocol import Decoder

CHUNK = 1 << 16
HIGH_WATER = 1 << 18  # bytes that may wait to be sent before the sender has to wait


class Gone(Exception):
    """The other side has closed the connection."""


class Wire:
    """A connected socket. One task receives; any number send. Call :meth:`finish` at the end."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._decoder = Decoder()
        self._queue: deque[memoryview] = deque()
        self._size = 0
        self._room = loop.Signal()
        self._writer: loop.Task | None = None
        self.closed = False

    async def receive(self) -> list[tuple[bytes, bytes]]:
        """Wait for bytes; return the (kind, payload) of every frame they complete. Raises Gone and ProtocolError."""
        while not self.closed:
            try:
                data = self._socket.recv(CHUNK)
            except BlockingIOError:
                await loop.ready(self._socket.fileno(), loop.READ)
                continue
            except OSError:
                break
            if not data:
                break
            return list(self._decoder.feed(data))
        self.close()
        raise Gone

    async def drained(self) -> None:
        """Wait until the other side has read most of what was sent. Raises Gone."""
        while self._size > HIGH_WATER and not self.closed:
            await self._room.wait()
        if self.closed:
            raise Gone

    async def send(self, data: bytes) -> None:
        """Send bytes in one piece, waiting while the other side is too far behind. Raises Gone."""
        await self.drained()
        self._queue.append(memoryview(data))
        self._size += len(data)
        if self._writer is None and not self._flush():
            self._writer = loop.spawn(self._write())

    def _flush(self) -> bool:
        """Send what the socket takes now; whether that was all."""
        try:
            while self._queue:
                sent = self._socket.send(self._queue[0])
                self._size -= sent
                if sent < len(self._queue[0]):
                    self._queue[0] = self._queue[0][sent:]
                else:
                    self._queue.popleft()
        except BlockingIOError:
            return False
        except OSError:
            self.close()
        return True

    async def _write(self) -> None:
        while not self.closed and not self._flush():
            self._room.notify()
            await loop.ready(self._socket.fileno(), loop.WRITE)
        self._writer = None
        self._room.notify()

    async def flushed(self, seconds: float) -> None:
        """Wait until everything has been taken by the kernel, but not longer than this."""
        while self._writer is not None and not self.closed:
            if not await self._room.wait(seconds):
                return

    def close(self) -> None:
        """Be of no more use: whoever receives or sends gets Gone. Safe to repeat."""
        if self.closed:
            return
        self.closed = True
        self._queue.clear()
        self._size = 0
        try:
            self._socket.shutdown(
                socket.SHUT_RDWR
            )  # wakes who waits for the descriptor, which must stay open till then
        except OSError:
            pass
        self._room.notify()

    async def finish(self) -> None:
        """Give the descriptor back; only when nobody receives any more."""
        self.close()
        if self._writer is not None:
            self._writer.cancel()
            await self._writer.settled()
        self._socket.close()
