"""Terminals of clients that do not read, do not go, or leave something behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from styx.api.errors import BadInput
from styx.client.refusals import TooManyRequests
from styx.server.auth.tokens import Caller, Level
from styx.server.terminals import shells as terminals
from styx.server.terminals.shells import Shell, Shells
from styx.server.terminals.terminal import Program, Size
from styx.store.access import Role

ME = Caller("me", Role.ADMIN, "t", Level.ADMIN)


async def program(command: str) -> Program:
    """A program between pipes."""
    return await Program.start(["/bin/sh", "-c", command], (), Size(24, 80), "dumb")


async def allowed() -> None:
    """Who may have a terminal still."""


@pytest_asyncio.fixture
async def shells() -> AsyncIterator[Shells]:
    """Of two for each user, who may be silent for a minute."""
    made = Shells(10, 2, 60.0)
    yield made
    await made.stop()


async def until_written(shell: Shell, count: int) -> None:
    """Until the program has written so many bytes."""
    while shell._written < count:  # noqa: ASYNC110 - it is asked from outside
        await asyncio.sleep(0.01)


async def test_a_stream_that_another_has_overtaken_ends(shells: Shells) -> None:
    """What it has not read yet was received by somebody, and is not kept: it says so, and the server goes on."""
    shell = await shells.open("s", ME, lambda: program("echo one; sleep 0.2; echo two; sleep 60"), allowed)
    stream: Any = shell.since(0)
    assert (await anext(stream)).data == b"one\n"
    await until_written(shell, 8)
    shell.received(2**53)
    with pytest.raises(BadInput, match="not kept"):
        await anext(stream)


class Letters:
    """Writes one byte at a time, to these streams in turn."""

    code = 0

    def __init__(self, sources: tuple[str, ...]) -> None:
        self.written = bytearray()
        self._sources = sources

    async def output(self) -> AsyncGenerator[tuple[str, bytes], None]:
        """As long as somebody listens."""
        for number in count():
            self.written.append(number % 251)
            yield self._sources[number % len(self._sources)], bytes(self.written[-1:])


@pytest.mark.parametrize("sources", [("stdout",), ("stdout", "stderr")])
async def test_what_comes_a_byte_at_a_time_takes_little_memory(
    sources: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one source it is put together, from two in turn it waits until some is received; each byte is told once."""
    window, pieces = 1 << 16, 1000
    monkeypatch.setattr(terminals, "WINDOW", window)
    monkeypatch.setattr(terminals, "PIECES", pieces)
    letters: Any = Letters(sources)
    shell = Shell("s", ME, letters)
    running = asyncio.ensure_future(shell.run())
    await asyncio.sleep(0)
    assert len(shell._pieces) <= pieces
    assert len(letters.written) == (window if len(sources) == 1 else pieces)
    for offset in (0, 1, pieces // 2, pieces - 1):
        stream: Any = shell.since(offset)
        told = b""
        while offset + len(told) < len(letters.written):
            told += (await anext(stream)).data
        assert told == letters.written[offset:]
    shell.received(pieces - 1)
    await asyncio.sleep(0)
    assert len(letters.written) > pieces
    assert (await anext(shell.since(pieces - 1))).data[:1] == letters.written[pieces - 1 : pieces]
    running.cancel()


async def test_what_a_program_has_left_behind_does_not_keep_its_terminal() -> None:
    """However much that goes on writing."""
    began, talking = time.monotonic(), await program("(while sleep 0.02; do echo x; done) & exit 3")
    async for _ in talking.output():
        pass
    assert talking.code == 3
    assert time.monotonic() - began < 20
    await talking.end()


async def test_terminals_that_have_ended_count_while_they_are_kept(shells: Shells) -> None:
    """A client that says nothing of having read the end has no more of them than one that goes on."""
    ended = [await shells.open("s", ME, lambda: program("echo done"), allowed) for _ in range(2)]
    for each in ended:
        await until_written(each, 5)
        assert [found async for found in each.since(5)] == [0]
    with pytest.raises(TooManyRequests):
        await shells.open("s", ME, lambda: program("true"), allowed)
    await shells.close(ended[0])
    assert await shells.open("s", ME, lambda: program("true"), allowed)
