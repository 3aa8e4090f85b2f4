"""Streams of events: encoded, resumed from what was said, ended, cut, and given up on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from styx.api.errors import ClusterNotFound
from styx.client.refusals import TooManyRequests, Unavailable
from styx.client.remote.events import parse
from styx.clock import SystemClock
from styx.server.auth.access import Access
from styx.server.auth.tokens import Caller, Level, mint
from styx.server.http import sse
from styx.server.http.responses import decode, encode
from styx.server.http.sse import Event, EventStream, Streams
from styx.server.settings import Settings
from styx.server.work.progress import Progress
from styx.store import Store
from styx.store.access import Role, User
from styx.threads import OffLoop

ANN = Caller("ann", Role.MEMBER, "t", Level.WRITE)


async def admitted() -> None:
    """The token is good."""


SCOPE = {"type": "http", "state": {"request": "abc", "admitted": admitted, "caller": ANN}}


class Peer:
    """The other side of a stream: it reads, or with ``stuck`` it does not."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.stuck = stuck
        self.got: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.some = asyncio.Event()  # messages have come

    async def send(self, message: Any) -> None:
        """Take it, some time."""
        if self.stuck and message["type"] == "http.response.body":
            await asyncio.Event().wait()
        self.got.append(message)
        if len(self.got) >= 4:
            self.some.set()

    async def receive(self) -> Any:
        """Go away, some time."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def events(self) -> list[tuple[str, Any, str]]:
        """What came."""
        body = b"".join(message.get("body", b"") for message in self.got)
        return [(event.name, event.data, event.id) for event in parse([body])]


async def some(*events: Event, then: BaseException | None = None) -> AsyncGenerator[Event, None]:
    """These events, and then an error, or for LookupError no end."""
    for event in events:
        yield event
    if isinstance(then, LookupError):
        await asyncio.Event().wait()
    if then is not None:
        raise then


async def test_events_arrive_as_they_were() -> None:
    """With names, data in any characters, and ids; the end is said."""
    peer, streams = Peer(), Streams(1, 1.0, 1)
    await EventStream(streams, some(Event("log", {"a": "ü\n\r"}, "7"), Event("x", None)))(
        SCOPE, peer.receive, peer.send
    )
    assert peer.events == [("log", {"a": "ü\n\r"}, "7"), ("x", None, ""), ("end", {}, "")]
    assert peer.got[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    streams.enter("ann")  # there is room again


async def test_what_goes_wrong_on_the_way_is_told() -> None:
    """As a problem, in place of the end."""
    peer = Peer()
    stream = EventStream(Streams(1, 1.0, 1), some(Event("log", 1), then=ClusterNotFound("gone", cluster="dev")))
    await stream(SCOPE, peer.receive, peer.send)
    assert [name for name, _, _ in peer.events] == ["log", "problem"]
    assert peer.events[1][1]["code"] == "cluster_not_found"


@pytest.mark.parametrize("why", ["gone", "closing", "stuck"])
async def test_a_stream_that_is_cut_says_no_end(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client went away, the server ends, or nobody reads: the source is closed, and there is room again."""
    monkeypatch.setattr(sse, "BEAT_SECONDS", 0.001)
    peer, streams = Peer(stuck=why == "stuck"), Streams(1, 0.01, 1)
    source = some(Event("log", 1), then=LookupError())
    serving = asyncio.ensure_future(EventStream(streams, source)(SCOPE, peer.receive, peer.send))
    if why != "stuck":
        await peer.some.wait()
    {"gone": peer.gone, "closing": streams.closing, "stuck": asyncio.Event()}[why].set()
    if why == "stuck":
        monkeypatch.setattr(peer, "stuck", True)
    await asyncio.wait_for(serving, 10)
    assert "end" not in [name for name, _, _ in peer.events]
    assert source.ag_frame is None  # closed
    streams.closing.clear()
    streams.enter("ann")


async def test_an_end_that_comes_with_a_cut_is_no_failure() -> None:
    """Of events that end as the client goes away nothing is said in the log."""
    said, loop = list[Any](), asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: said.append(context))
    for ticks in range(6):
        waiting = asyncio.ensure_future(anext(sse._with_beats(some())))
        for _ in range(ticks):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        del waiting
        gc.collect()
    assert said == []


@pytest.mark.parametrize("why", ["revoked", "disabled"])
async def test_who_is_shut_out_hears_no_more(why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream ends, without saying so, once its token would open no other; until then it goes on."""
    monkeypatch.setattr(sse, "BEAT_SECONDS", 0.001)
    peer, now = Peer(), datetime.now(UTC)
    with Store.open(home=tmp_path) as store:
        store.users.add(User("ann", Role.MEMBER, now))
        text, token = mint("ann", "laptop", now)
        store.tokens.add(token)
        stream = EventStream(Streams(1, 1.0, 1), some(then=LookupError()))
        access = Access(stream, store, OffLoop(inline=True), SystemClock(), Settings())
        headers = [(b"authorization", f"Bearer {text}".encode())]
        scope = {"type": "http", "method": "GET", "path": "/x", "client": None, "headers": headers}
        serving = asyncio.ensure_future(access({**scope, "state": {"request": "abc"}}, peer.receive, peer.send))
        await peer.some.wait()
        assert not serving.done()
        store.tokens.revoke(token.id) if why == "revoked" else store.users.update("ann", disabled=True)
        await asyncio.wait_for(serving, 10)
    assert peer.events == []


async def test_silence_is_broken() -> None:
    """By comments, which are no events."""
    peer, streams = Peer(), Streams(1, 1.0, 1)
    sse_seconds, sse.BEAT_SECONDS = sse.BEAT_SECONDS, 0.001
    try:
        serving = asyncio.ensure_future(EventStream(streams, some(then=LookupError()))(SCOPE, peer.receive, peer.send))
        await peer.some.wait()
        peer.gone.set()
        await serving
    finally:
        sse.BEAT_SECONDS = sse_seconds
    assert peer.got[1]["body"].startswith(b":")
    assert peer.events == []


async def test_there_is_room_for_so_many() -> None:
    """One more is refused, and so is any when the server ends."""
    streams = Streams(1, 1.0, 1)
    streams.enter("ann")
    with pytest.raises(TooManyRequests):
        streams.enter("ann")
    streams.leave("ann")
    streams.closing.set()
    with pytest.raises(Unavailable):
        streams.enter("ann")


async def test_nobody_takes_all_the_room() -> None:
    """Of one user there may be so many, while others have theirs."""
    streams = Streams(3, 1.0, 2)
    for user in ("ann", "ann", "bob"):
        streams.enter(user)
    streams.leave("bob")
    with pytest.raises(TooManyRequests):
        streams.enter("ann")
    streams.enter("bob")


async def test_what_was_said_is_told_to_who_comes_late() -> None:
    """From wherever they were, once each and in order, to several at once, until the end."""
    progress = Progress()
    progress.phase("plan", "one")
    progress.report("train", "state", "two")
    await asyncio.sleep(0)

    async def heard(after: int) -> list[int]:
        return [said.number async for said in progress.since(after)]

    listening = [asyncio.ensure_future(heard(after)) for after in (0, 1, 7)]
    await asyncio.sleep(0)
    await asyncio.to_thread(progress.phase, "plan", "three")
    await asyncio.sleep(0)
    progress.end()
    assert await asyncio.gather(*listening) == [[1, 2, 3], [2, 3], []]
    assert await heard(2) == [3]


@pytest.mark.parametrize(("count", "length"), [(3000, 1), (100, 10_000), (20, 1_000_000)])
async def test_what_was_said_first_is_forgotten(count: int, length: int) -> None:
    """However much, and in however large pieces, a task writes: the last of it is kept, and no more than has room."""
    progress = Progress()
    for number in range(count):
        progress.report("train", "log", "x" * length + f"{number}")
    await asyncio.sleep(0)
    progress.end()
    kept = [said async for said in progress.since(0)]
    assert [said.number for said in kept] == [*range(count - len(kept) + 1, count + 1)]
    assert kept[-1].data["text"].endswith(f"x{count - 1}")
    assert 0 < len(kept) <= 1000
    assert sum(len(said.data["text"]) for said in kept) <= 1 << 19


def test_cursors_are_opaque_and_come_back() -> None:
    """Any text, in characters that need no quoting."""
    for text in ("", "7", "2026-11-30T12:00:00+00:00 dev", "ü/~?"):
        assert decode(encode(text)) == text
        assert encode(text).replace("-", "").replace("_", "").isalnum() or not text
