"""What many want to know at the same time is found out once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from styx.engine.shared import Shared
from styx.store.states import ClusterState
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, World, quiet


class Searches:
    """Counts searches; each finds its number once it is let go."""

    def __init__(self) -> None:
        self.begun = self.cancelled = 0
        self.let_go = asyncio.Event()

    async def __call__(self) -> int:
        """One of them."""
        self.begun += 1
        number = self.begun
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


async def turns(count: int = 5) -> None:
    """Let others go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def asked(shared: Shared, search: Callable[[], Awaitable[int]], count: int = 1) -> list[asyncio.Task[int]]:
    """So many who ask for the same."""
    return [asyncio.ensure_future(shared.find("x", search)) for _ in range(count)]


async def test_who_asks_while_one_is_under_way_shares_the_next() -> None:
    """Each is given what was found by a search that began after they had asked, and nothing is kept of it."""
    shared, search = Shared(), Searches()
    first = asked(shared, search, 3)
    await turns()
    later = asked(shared, search, 3)
    await turns()
    assert search.begun == 1
    search.let_go.set()
    assert await asyncio.gather(*first, *later) == [1, 1, 1, 2, 2, 2]
    assert (shared._now, shared._next) == ({}, {})


async def test_a_search_ends_with_the_last_who_waits_for_it() -> None:
    """Whether it is under way or still to come; others are not ended by that."""
    shared, search = Shared(), Searches()
    now = asked(shared, search, 2)
    await turns()
    coming = asked(shared, search)
    await turns()
    for each in (now[0], coming[0]):
        each.cancel()
    await turns()
    assert (now[0].cancelled(), coming[0].cancelled(), search.cancelled) == (True, True, 0)
    now[1].cancel()
    await asyncio.wait(now)
    assert (search.begun, search.cancelled) == (1, 1)
    assert (shared._now, shared._next) == ({}, {})


async def test_what_goes_wrong_goes_wrong_for_all() -> None:
    """The next search is none the worse for it."""
    shared = Shared()

    async def fails() -> int:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    outcome = await asyncio.gather(*asked(shared, fails, 2), return_exceptions=True)
    assert [type(each) for each in outcome] == [ZeroDivisionError] * 2
    search = Searches()
    search.let_go.set()
    assert await asyncio.gather(*asked(shared, search)) == [1]


class Slow(MemoryCloud):
    """The cloud in memory, which is looked at for as long as the test likes."""

    looks: int
    let_go: threading.Event
    looked: threading.Event

    def observe(self, scope: Any, owners: Any) -> Any:  # noqa: D102 - the contract documents it
        Slow.looks += 1
        Slow.looked.set()
        Slow.let_go.wait(30)
        return super().observe(scope, owners)


@pytest.fixture
def slow(new_world: Callable[..., World]) -> World:
    """A world with that cloud."""
    Slow.looks, Slow.let_go, Slow.looked = 0, threading.Event(), threading.Event()
    Slow.let_go.set()
    return new_world(Slow)


async def test_many_who_refresh_share_two_looks(slow: World) -> None:
    """However many ask, of whatever users, the provider is asked once for who came first and once for the rest."""
    engine = slow.engine()
    await engine.launch(HELLO, "c", quiet)
    Slow.looks = 0
    for event in (Slow.looked, Slow.let_go):
        event.clear()
    first = asyncio.ensure_future(engine.status(refresh=True))
    assert await asyncio.to_thread(Slow.looked.wait, 10)
    rest = [asyncio.ensure_future(engine.for_user(f"u{n}").status(["c"], refresh=True)) for n in range(20)]
    await turns()
    Slow.let_go.set()
    for (record,) in await asyncio.gather(first, *rest):
        assert record.state is ClusterState.UP
    assert Slow.looks == 2


async def test_who_wants_to_work_on_a_cluster_comes_before_who_looks_at_it(slow: World) -> None:
    """A look that would keep somebody waiting is left out, and finds the cluster as it is on record."""
    engine = slow.engine()
    await engine.launch(HELLO, "c", quiet)
    Slow.looks = 0
    engine.context.wanted.add("c")
    (record,) = await engine.for_user("ann").status(refresh=True)
    assert (record.state, Slow.looks) == (ClusterState.UP, 0)
