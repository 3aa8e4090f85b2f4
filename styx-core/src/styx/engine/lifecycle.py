"""Stop, start and remove clusters; each goes on where an interrupted client left it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from styx.api.backend import Autostop
from styx.api.cloud import SupportsStop, require
from styx.api.errors import ClusterNotFound, ClusterNotUp, OutcomeUnknown, StyxError, TransportError
from styx.api.launch import Boot, StartRequest
from styx.api.nodes import NodeState
from styx.engine.context import Context, Progress
from styx.engine.handle import Handle
from styx.engine.observe import by_rank
from styx.engine.operation import operation
from styx.engine.provision import POLL_FIRST, POLL_MOST, REMOVAL_DEADLINE, commit_intent, drive, remove
from styx.engine.reconcile import look, record_verdict
from styx.engine.setup import connect, not_up, set_up
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord
from styx.store.states import ClusterState

SHUTDOWN_SECONDS = 15.0


async def stop(context: Context, name: str, progress: Progress) -> None:
    """Stop all nodes; they keep their disks. Idempotent. Raises Unsupported where machines cannot be stopped."""
    async with operation(context, name, "stop") as cluster:
        if cluster.state is ClusterState.STOPPED:
            return
        if cluster.state not in (ClusterState.UP, ClusterState.STOPPING):
            raise not_up(cluster)
        account = context.clouds.get(cluster.cloud, cluster.account)
        cloud = require(account.cloud, SupportsStop, others=context.plugins.with_capability("stop"))
        await account.require_identity(cluster.identity)
        attempts = _current(context, cluster)
        if cluster.state is ClusterState.UP:
            await _shut_down(context, connect(context, cluster))
            context.move(name, ClusterState.STOPPING)
        receipts = [a.receipt for a in attempts if a.receipt is not None]
        scope, owner = attempts[0].prepared.scope, attempts[0].owner
        await account.call(cloud.stop, scope, owner, receipts)
        give_up_at = context.clock.monotonic() + REMOVAL_DEADLINE
        pause = POLL_FIRST
        while True:
            nodes = by_rank(await account.call(account.cloud.observe, scope, [owner]), attempts[0])
            going = [node for node in nodes if node.state is not NodeState.STOPPED]
            if not going:
                break
            if context.clock.monotonic() >= give_up_at:
                raise OutcomeUnknown(f"{len(going)} nodes of {name!r} have not stopped", hint="Run the command again.")
            progress("stop", f"waiting for {len(going)} of {len(nodes)} nodes to stop")
            await context.clock.sleep(pause)
            pause = min(pause * 1.5, POLL_MOST)
        context.move(name, ClusterState.STOPPED, "stopped by the user", autostop=None, autostop_set=False)


async def start(context: Context, name: str, autostop: Autostop | None, progress: Progress) -> None:
    """Bring a stopped cluster back up. Idempotent on one that is up."""
    async with operation(context, name, "start") as cluster:
        if cluster.state is ClusterState.UP and cluster.autostop is not None:
            seen = record_verdict(context, cluster, await look(context, cluster))  # it may have stopped itself
        else:
            seen = cluster
        if seen is None:
            raise ClusterNotFound(f"cluster {name!r} is gone: it removed itself", cluster=name)
        if seen.state is ClusterState.UP:
            return
        if seen.state not in (ClusterState.STOPPED, ClusterState.STARTING, ClusterState.STOPPING):
            raise not_up(seen)
        handle = await bring_back(context, seen, autostop, progress)
        await handle.close()


async def bring_back(context: Context, cluster: ClusterRecord, autostop: Autostop | None, progress: Progress) -> Handle:
    """Start the stopped nodes of a cluster we hold and set them up again."""
    account = context.clouds.get(cluster.cloud, cluster.account)
    cloud = require(account.cloud, SupportsStop, others=context.plugins.with_capability("stop"))
    await account.require_identity(cluster.identity)
    if cluster.state is ClusterState.STOPPING:
        context.move(cluster.name, ClusterState.STOPPED, "the interrupted stop is taken as done")
    attempts = _current(context, cluster)
    newest = attempts[-1]
    if newest.kind == "start" and newest.state is AttemptState.OPEN:
        attempt = newest
    else:
        request = StartRequest(
            owner=newest.owner,
            scope=newest.prepared.scope,
            ranks=newest.prepared.ranks,
            receipts=tuple(a.receipt for a in attempts if a.receipt is not None),
            boot=Boot(authorized_key=context.public_key),
        )
        prepared = await account.call(cloud.prepare_start, request)
        attempt = await commit_intent(context, account, cluster.name, "start", prepared)
    if cluster.state is not ClusterState.STARTING:
        context.move(cluster.name, ClusterState.STARTING)
    try:
        nodes = await drive(context, account, attempt, progress, keep=True)
    except StyxError as error:
        context.move(cluster.name, ClusterState.STOPPED, error.message, error=error.to_wire())
        raise
    return await set_up(context, cluster, nodes, autostop, progress)


async def down(context: Context, name: str, progress: Progress) -> None:
    """Remove a cluster and everything it made. The record goes only when nothing of it is there any more."""
    async with operation(context, name, "down") as cluster:
        if cluster.state is ClusterState.UP:
            with suppress(ClusterNotUp, TransportError):
                await _shut_down(context, connect(context, cluster))
        context.move(name, ClusterState.TERMINATING, "removed by the user")
        try:
            await remove_all(context, cluster, progress)
        except StyxError as error:
            context.store.clusters.update(name, holder=context.holder, error=error.to_wire())
            raise
        context.tell(context.store.clusters.remove(name, "removed by the user", holder=context.holder))


async def forget(context: Context, name: str) -> None:
    """Drop the record without asking the provider; tombstones stay, so that what turns up later is known."""
    async with operation(context, name, "down") as cluster:
        for attempt in context.store.attempts.of(cluster.name):
            if attempt.state is not AttemptState.CLOSED:
                context.store.attempts.settle(attempt.token, AttemptState.TOMBSTONE, attempt.error)
        context.tell(context.store.clusters.remove(name, "forgotten by the user", holder=context.holder))


async def remove_all(context: Context, cluster: ClusterRecord, progress: Progress) -> None:
    """Remove everything that any attempt of this cluster may have made."""
    attempts = [a for a in context.store.attempts.of(cluster.name) if a.state is not AttemptState.CLOSED]
    groups: dict[tuple[str, str], list[AttemptRecord]] = {}
    for attempt in attempts:
        context.store.attempts.settle(attempt.token, AttemptState.TOMBSTONE, attempt.error)
        groups.setdefault((attempt.cloud, attempt.account), []).append(attempt)
    for (cloud, account), group in groups.items():
        await remove(context, context.clouds.get(cloud, account), group, progress)


async def _shut_down(context: Context, handle: Handle) -> None:
    """End the runtime and its jobs; a node that cannot be reached is the provider's to stop."""
    try:
        async with asyncio.timeout(SHUTDOWN_SECONDS):
            await context.backend.shutdown(handle)
    except (TimeoutError, StyxError):
        return
    finally:
        await handle.close()


def _current(context: Context, cluster: ClusterRecord) -> list[AttemptRecord]:
    """The attempts behind the cluster's present nodes, oldest first: one launch, and any starts since."""
    return [a for a in context.store.attempts.of(cluster.name) if a.owner.attempt == cluster.attempt]
