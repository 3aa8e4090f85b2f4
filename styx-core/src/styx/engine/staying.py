"""Noticing that machines have gone: who waits for them to answer would learn it minutes later, if at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import TypeVar

from styx.api.errors import ClusterBusy, ClusterNotFound, StyxError
from styx.api.nodes import Node, NodeState
from styx.engine.account import glance
from styx.engine.advice import not_up, removed_itself
from styx.engine.context import Context
from styx.engine.reconcile import current, look, reconcile, record_verdict, see
from styx.engine.waiting import POLL_MOST
from styx.store.records import ClusterRecord
from styx.store.states import ClusterState

LOOK_SECONDS = POLL_MOST  # of real time, in which machines go, between two looks; most are set up before the first

T = TypeVar("T")


class Gone(Exception):
    """A machine that is set up has gone, or has stopped."""


async def while_there(context: Context, cluster: str, nodes: Sequence[Node], work: Awaitable[T]) -> T:
    """What the work comes to. Raises Gone, when the work has been ended, once the provider shows that a node has gone.

    The cluster must be held.
    """
    doing, watching = asyncio.ensure_future(work), asyncio.ensure_future(_until_gone(context, cluster, nodes))
    try:
        await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
    finally:
        for task in (doing, watching):
            task.cancel()
        await asyncio.wait({doing, watching})
    watching.result()
    raise Gone


class Doubt:
    """Asks the provider about a cluster that was up, when a node of it does not answer; every few seconds at most."""

    def __init__(self, context: Context, cluster: str) -> None:
        self._context = context
        self._cluster = cluster
        self._asking = asyncio.Lock()
        self._asked_at: float | None = None
        self._found: StyxError | None = None

    async def __call__(self) -> None:
        """Raises ClusterNotUp, or ClusterNotFound, with what became of it, once the provider shows that it is gone.

        Who cannot be asked says nothing.
        """
        async with self._asking:
            if self._asked_at is None or monotonic() - self._asked_at >= LOOK_SECONDS:
                self._found = await self._gone()
                self._asked_at = monotonic()
        if self._found is not None:
            raise self._found.with_traceback(None)

    async def _gone(self) -> StyxError | None:
        with glance():
            seen = await self._look()
        if seen is None:
            return removed_itself(self._cluster)
        there = seen.state in (ClusterState.UP, ClusterState.UNKNOWN)
        return None if there else not_up(self._context, seen)

    async def _look(self) -> ClusterRecord | None:
        context = self._context
        try:
            held = context.require_hold(self._cluster)
        except (ClusterBusy, ClusterNotFound):
            return await reconcile(context.fresh(), self._cluster)
        if held.state is not ClusterState.UP:  # whatever we are about, it is no news that nodes go
            return replace(held, state=ClusterState.UNKNOWN)
        return record_verdict(context, held, await look(context, held))


async def _until_gone(context: Context, cluster: str, nodes: Sequence[Node]) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        with suppress(StyxError):  # who cannot be asked, or cannot see it all, says nothing
            if await _gone(context, cluster, {node.id for node in nodes}):
                return


async def _gone(context: Context, cluster: str, ids: set[str]) -> bool:
    papers = current(context, context.require_hold(cluster))
    if papers is None:
        return False
    found = await see(context, papers)
    if ids - {node.id for node in found.nodes}:
        return found.proves_absence or found.preempted
    ended = (NodeState.STOPPING, NodeState.STOPPED)
    return found.settled and any(node.state in ended for node in found.nodes if node.id in ids)
