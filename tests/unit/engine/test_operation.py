"""Holding a cluster while working on it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from styx.api import ClusterBusy, ClusterNotFound, StoreError
from styx.engine import operation as module
from styx.engine.freshness import needs_a_look
from styx.engine.operation import LOOK, operation
from styx.store.holder import current
from styx.store.records import Holder, Operation
from styx.store.states import ClusterState
from support.records import cluster
from support.world import World


async def test_the_cluster_is_held_for_the_block(world: World) -> None:
    """Inside nobody else gets it; afterwards, also after an error, it is free."""
    world.store.clusters.create(cluster("c"))
    context = world.engine().context
    with suppress(ZeroDivisionError):
        async with operation(context.fresh(), "c", "stop") as record:
            assert record.operation is not None
            with pytest.raises(ClusterBusy):
                await operation(context.fresh(), "c", "down").__aenter__()
            _ = 1 / 0
    async with operation(context.fresh(), "c", "down"):
        pass
    with pytest.raises(ClusterNotFound):
        await operation(context.fresh(), "nope", "down").__aenter__()


async def test_who_only_looks_is_waited_for(world: World) -> None:
    """An operation begins as soon as a look is over, instead of being refused; meanwhile others know of it."""
    world.store.clusters.create(cluster("c"))
    context = world.engine().context
    looking = asyncio.Event()

    async def look() -> None:
        async with operation(context.fresh(), "c", LOOK):
            looking.set()
            while "c" not in context.wanted:  # noqa: ASYNC110 - that is no event
                await asyncio.sleep(0)

    task = asyncio.ensure_future(look())
    await looking.wait()
    async with operation(context.fresh(), "c", "stop") as record:
        assert record.operation is not None
        assert record.operation.kind == "stop"
        assert context.wanted == set()
    await task


async def test_a_cancellation_just_as_it_ends_is_not_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is cancelled while the lease's renewal is being ended is cancelled, and the cluster is free."""
    world.store.clusters.create(cluster("c"))
    context = world.engine().context
    ending = asyncio.Event()

    async def renew(*_: object) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ending.set()
            await asyncio.sleep(0)

    async def work() -> None:
        async with operation(context.fresh(), "c", "stop"):
            await asyncio.sleep(0)  # so that the renewal has begun
        await asyncio.sleep(3600)

    monkeypatch.setattr(module, "_renew", renew)
    task = asyncio.ensure_future(work())
    await ending.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert task.cancelled()
    async with operation(context.fresh(), "c", "down"):
        pass


async def test_what_could_not_be_given_back_is_given_back_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is away as an operation ends hears of that end once it answers again."""
    world.store.clusters.create(cluster("c"))
    monkeypatch.setattr(module, "RETURN_SECONDS", 0.0)
    store, left = world.store.clusters, 3
    release = store.release

    def stumble(name: str, holder: Holder) -> None:
        nonlocal left
        left -= 1
        if left:
            raise StoreError("away")
        release(name, holder)

    monkeypatch.setattr(store, "release", stumble)
    context = world.engine().context
    with pytest.raises(StoreError, match="away"):
        async with operation(context.fresh(), "c", "down"):
            pass
    await asyncio.gather(*module._returning)
    assert store.get("c").operation is None


async def test_a_renewal_that_fails_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is busy for a moment ends no operation, and the lease is given back as ever."""
    world.store.clusters.create(cluster("c"))
    context = world.engine().context.fresh()
    tries, thrice = [], asyncio.Event()

    def renew(*args: object) -> bool:
        tries.append(args)
        if len(tries) == 3:
            thrice.set()
        raise StoreError("locked")

    monkeypatch.setattr(module, "RENEW_SECONDS", 0)
    monkeypatch.setattr(context.store.clusters, "renew", renew)
    async with operation(context, "c", "stop"):
        await thrice.wait()
    record = world.record()
    assert record is not None
    assert record.operation is None


@pytest.mark.parametrize("state", list(ClusterState))
def test_what_needs_a_look(world: World, state: ClusterState) -> None:
    """A live operation is trusted, one that expired was interrupted; else only what is under way is looked at."""
    now = world.clock.now()
    busy = cluster("c", state, operation=Operation("stop", current(), now + timedelta(seconds=1)))
    assert not needs_a_look(busy, now)
    assert needs_a_look(busy, now + timedelta(seconds=1))
    assert needs_a_look(cluster("c", state), now) is not state.settled
