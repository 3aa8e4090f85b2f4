"""Holding a cluster while working on it, so that two clients never do so at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from styx.engine.context import Context
from styx.store.records import ClusterRecord

LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0


@asynccontextmanager
async def operation(context: Context, cluster: str, kind: str) -> AsyncIterator[ClusterRecord]:
    """Hold an existing cluster for the length of the block. Raises ClusterNotFound, ClusterBusy naming the holder."""
    record = context.store.clusters.acquire(cluster, kind, context.holder, LEASE_SECONDS)
    async with renewing(context, cluster):
        yield record


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
        with suppress(asyncio.CancelledError):
            await renewal
        context.store.clusters.release(cluster, context.holder)


async def _renew(context: Context, cluster: str) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        context.store.clusters.renew(cluster, context.holder, LEASE_SECONDS)
