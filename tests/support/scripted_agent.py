"""An agent that says what a test wants, over streams in memory."""

from __future__ import annotations

import asyncio
from typing import Any

from styx.agent.protocol import BYTES, JSON, decode_json, encode, encode_json, read_frame


class Pipe:
    """One end of a two-way stream in memory."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        self.other: Pipe
        self.closed = False

    async def readexactly(self, count: int) -> bytes:
        """Read exactly this many bytes."""
        return await self.reader.readexactly(count)

    def write(self, data: bytes) -> None:
        """Hand bytes to the other end."""
        if not self.other.closed:
            self.other.reader.feed_data(data)

    async def drain(self) -> None:
        """Let the other end have its turn."""
        await asyncio.sleep(0)

    def close(self) -> None:
        """Both ends read to their end now."""
        if not self.closed:
            self.closed = True
            self.reader.feed_eof()
            if not self.other.closed:
                self.other.reader.feed_eof()


class Agent:
    """The far end of a connection, moved by hand."""

    def __init__(self) -> None:
        self.near, self._far = Pipe(), Pipe()
        self.near.other, self._far.other = self._far, self.near

    async def request(self) -> dict[str, Any]:
        """The next request."""
        kind, payload = await read_frame(self._far)
        assert kind == JSON
        return decode_json(payload)

    def say(self, message: Any) -> None:
        """Send a message."""
        self._far.write(encode_json(message))

    def bytes(self, data: bytes) -> None:
        """Send raw bytes in a frame."""
        self._far.write(encode(BYTES, data))

    def garbage(self, data: bytes) -> None:
        """Send what is no frame."""
        self._far.write(data)

    def hang_up(self) -> None:
        """Close the connection."""
        self._far.close()
