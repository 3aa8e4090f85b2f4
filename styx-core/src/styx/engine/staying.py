"""Noticing that machines go while they are set up: who waits for them to answer would learn it minutes later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import TypeVar

from styx.api.errors import StyxError
from styx.api.nodes import Node, NodeState
from styx.engine.context import Context
from styx.engine.reconcile import current, see
from styx.engine.waiting import POLL_MOST

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
