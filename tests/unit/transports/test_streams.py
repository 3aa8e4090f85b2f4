"""The pieces that all transports share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import TransportError
from styx.transports.streams import collect, converse, feed, shorten, strip_home


class Sink:
    """A writer that remembers, or breaks after ``limit`` bytes as a pipe does whose reader has gone."""

    def __init__(self, limit: int | None = None) -> None:
        self.data = b""
        self.ended = False
        self._limit = limit

    def write(self, data: bytes) -> None:
        """Queue bytes."""
        self.data += data

    async def drain(self) -> None:
        """Send what is queued."""
        if self._limit is not None and len(self.data) > self._limit:
            raise BrokenPipeError
        await asyncio.sleep(0)

    def write_eof(self) -> None:
        """End."""
        self.ended = True

    def close(self) -> None:
        """End."""
        self.ended = True


def source(*pieces: bytes, end: bool = True) -> asyncio.StreamReader:
    """A reader with these bytes in it."""
    reader = asyncio.StreamReader()
    for piece in pieces:
        reader.feed_data(piece)
    if end:
        reader.feed_eof()
    return reader


async def endless() -> AsyncIterator[bytes]:
    """Bytes without end."""
    while True:
        yield b"x" * 1000


async def test_collect_returns_everything_up_to_the_limit():
    """Exactly the limit is let through."""
    assert await collect(source(b"ab", b"cd"), "it", limit=4) == b"abcd"


async def test_collect_cuts_off_a_node_that_sends_too_much():
    """One byte beyond the limit is an error that names the command and a way out."""
    with pytest.raises(TransportError, match="`flood` wrote more than") as caught:
        await collect(source(b"abcde"), "`flood`", limit=4)
    assert "file" in (caught.value.hint or "")


async def test_feed_sends_pieces_and_the_end():
    """An asynchronous iterator is sent piece by piece, and then the end of file."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    sink = Sink()
    await feed(sink, pieces())
    assert (sink.data, sink.ended) == (b"onetwo", True)


async def test_feed_stops_quietly_when_nobody_reads_any_more():
    """A command that does not read its input is judged by its exit status, not by a broken pipe."""
    sink = Sink(limit=2500)
    await feed(sink, endless())
    assert len(sink.data) == 3000


async def test_converse_reads_both_outputs_while_it_sends():
    """Both outputs come back whole."""
    sink = Sink()
    assert await converse(sink, source(b"out"), source(b"err"), b"in", "it") == (b"out", b"err")
    assert sink.data == b"in"


async def test_converse_ends_everything_with_the_first_failure():
    """When the input fails, reading stops too, and the failure is raised as it is."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        await converse(Sink(), source(end=False), source(end=False), broken(), "it")


@pytest.mark.parametrize(
    ("path", "stripped"), [("~", "."), ("", "."), ("~/", "."), ("~/a/b", "a/b"), ("a", "a"), ("/a", "/a"), ("~x", "~x")]
)
def test_paths_below_the_home(path: str, stripped: str):
    """``~`` is the home, and only at the beginning of a path."""
    assert strip_home(path) == stripped


@given(st.text())
def test_shortened_commands_fit_on_a_line(command: str):
    """Whatever a command is, what errors show of it is one short line."""
    short = shorten(command)
    assert len(short) <= 60
    assert "\n" not in short
