"""Holding a cluster while working on it, so that two clients never do so at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from time import monotonic

from styx.api.errors import ClusterBusy, StoreError
from styx.engine.context import Context
from styx.engine.ownership import require_own
from styx.store.records import ClusterRecord

# These pass in real time, whatever clock the context has: other processes live by it.
LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0
RETURN_SECONDS = 1.0  # between two tries to give a lease back to a store that does not answer
LOOK_SECONDS = 10.0  # how long to wait for somebody who is only looking
LOOK = "reconcile"

_returning = set[asyncio.Task[None]]()  # the loop itself keeps no task alive


@asynccontextmanager
async def operation(context: Context, cluster: str, kind: str) -> AsyncIterator[ClusterRecord]:
    """Hold an existing cluster for the length of the block. Raises ClusterNotFound, ClusterBusy naming the holder.

    Raises NotOwned where it is another's, and more is meant than to look. Somebody who is only looking at the
    cluster (`styx status`) is waited for: that takes a moment, and nobody here begins to look meanwhile.
    """
    record = await _acquire(context, cluster, kind)
    async with renewing(context, cluster):
        if kind != LOOK:
            require_own(context, record)
        yield record


async def _acquire(context: Context, cluster: str, kind: str) -> ClusterRecord:
    give_up_at = monotonic() + LOOK_SECONDS
    while True:
        try:
            return context.store.clusters.acquire(cluster, kind, context.holder, LEASE_SECONDS)
        except ClusterBusy as busy:
            if busy.operation != LOOK or monotonic() >= give_up_at:
                raise
        with nullcontext() if kind == LOOK else _wanting(context, cluster):
            await asyncio.sleep(0.02)


@contextmanager
def _wanting(context: Context, cluster: str) -> Iterator[None]:
    context.wanted.add(cluster)
    try:
        yield
    finally:
        context.wanted.discard(cluster)


@asynccontextmanager
async def renewing(context: Context, cluster: str) -> AsyncIterator[None]:
    """Keep a lease we already have alive for the length of the block, then give it back.

    Should the lease be lost all the same (this process was suspended), every later write under it is refused.
    """
    renewal = asyncio.ensure_future(_renew(context, cluster))
    try:
        yield
    finally:
        renewal.cancel()
        try:
            await asyncio.wait({renewal})  # to await itself would make its cancellation and ours the same
        finally:
            _give_back(context, cluster)
        if not renewal.cancelled():
            renewal.result()


async def _renew(context: Context, cluster: str) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(StoreError):  # the next round tries again, and the lease is longer than a few rounds
            context.store.clusters.renew(cluster, context.holder, LEASE_SECONDS)


def _give_back(context: Context, cluster: str) -> None:
    """Let go of the cluster. What a store that is away did not hear it is told again, while this process goes on."""
    try:
        context.store.clusters.release(cluster, context.holder)
    except StoreError:
        task = asyncio.ensure_future(_give_back_later(context, cluster))
        _returning.add(task)
        task.add_done_callback(_returning.discard)
        raise


async def _give_back_later(context: Context, cluster: str) -> None:
    until = monotonic() + LEASE_SECONDS  # by then it is over by itself
    while monotonic() < until:
        await asyncio.sleep(RETURN_SECONDS)
        with suppress(StoreError):
            context.store.clusters.release(cluster, context.holder)
            return
