"""Nodes over SSH as tests of transports reach them, and what they look for there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from styx.api import ByteStream
from styx.testing.hosts import Host
from styx.transports.ssh import SshTransport


@asynccontextmanager
async def reaching(host: Host, **options: str) -> AsyncIterator[SshTransport]:
    """A transport to the host, closed at the end."""
    transport = SshTransport(host.endpoint(**options))
    try:
        yield transport
    finally:
        await transport.close()


async def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something outside of this process has come about."""
    give_up = time.monotonic() + seconds
    while not await asyncio.to_thread(true):
        assert time.monotonic() < give_up, "it did not come about"
        await asyncio.sleep(0.02)


async def talk(stream: ByteStream, text: bytes = b"abc") -> bytes:
    """Say something to a server that shouts, and hear the answer."""
    stream.write(text)
    await stream.drain()
    return await stream.readexactly(len(text))
