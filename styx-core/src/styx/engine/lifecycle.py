"""Stop, start and remove clusters; each goes on where an interrupted client left it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from styx.api.backend import Autostop
from styx.api.cloud import SupportsStop, require
from styx.api.errors import (
    BadInput,
    ClusterNotUp,
    NoOffer,
    OutcomeUnknown,
    PluginError,
    ProviderError,
    StyxError,
    TransportError,
)
from styx.api.launch import StartRequest
from styx.api.nodes import NodeState
from styx.engine import buckets, budget, costs, watchdog
from styx.engine.advice import not_up, on_record, removed_itself
from styx.engine.clouds import CloudAccount
from styx.engine.context import Context, Progress
from styx.engine.freshness import misplaced
from styx.engine.handle import Handle
from styx.engine.intent import commit_intent, prepare
from styx.engine.mounts import mount_again, unmount
from styx.engine.observe import sight
from styx.engine.operation import operation
from styx.engine.papers import Papers, is_of, papers_of
from styx.engine.provision import drive
from styx.engine.reconcile import current, look, record_verdict, refuse_strangers
from styx.engine.removal import REMOVAL_DEADLINE, remove
from styx.engine.setup import connect, require_stoppable, set_up
from styx.engine.waiting import Wait
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord
from styx.store.states import ClusterState
from styx.words import count

SHUTDOWN_SECONDS = 15.0

_S = ClusterState


async def stop(context: Context, name: str, progress: Progress) -> None:
    """Stop all nodes; they keep their disks. Idempotent. Raises Unsupported where machines cannot be stopped."""
    async with operation(context, name, "stop") as held:
        cluster = await _as_it_is(context, held)
        if cluster.state is _S.STOPPED:
            return
        if cluster.state not in (_S.UP, _S.STOPPING) and not _was_up(cluster):
            raise not_up(context, cluster)
        account = context.clouds.get(cluster.cloud, cluster.account)
        require(account.cloud, SupportsStop, others=context.plugins.with_capability("stop"))
        require_stoppable(account.cloud, spot=cluster.spot, hint=f"`styx down {name}` removes the cluster.")
        await account.require_identity(cluster.identity)
        await _find_here(context, cluster)
        handle = connect(context, cluster) if cluster.state is _S.UP else None
        context.move(name, _S.STOPPING)  # before anything ends: killed here, the cluster does not pass for up
        if handle is not None:
            await _shut_down(context, handle, progress, keep=True)
        await _stop_nodes(context, cluster, account, progress)
        context.move(name, _S.STOPPED, "stopped by the user", autostop=None, autostop_set=False, error=None)


def _was_up(cluster: ClusterRecord) -> bool:
    """Whether this is a cluster in use of which not all runs any more."""
    return cluster.state is _S.FAILED and cluster.launched_at is not None


async def _stop_nodes(context: Context, cluster: ClusterRecord, account: CloudAccount, progress: Progress) -> None:
    """Ask until every node is seen to have stopped. Raises ClusterNotUp when some are not there any more."""
    cloud = require(account.cloud, SupportsStop)
    papers = _papers(context, cluster)
    context.require_hold(cluster.name)
    await account.call(cloud.stop, papers.scope, papers.owner, papers.receipts)
    wait = Wait(context)
    while True:
        seen = await context.lookout(account).look(papers.scope, [papers.owner])
        settled = wait.settled(papers, account.cloud)
        found = sight(seen, papers, settled=settled, kept=context.kept(cluster.name))
        stopped = found.count(NodeState.STOPPED)
        if stopped == cluster.num_nodes:
            costs.note(context, cluster.name, found.nodes)
            return
        if found.proves_absence and len(found.nodes) < cluster.num_nodes:
            context.move(cluster.name, _S.LOST if not found.nodes else _S.FAILED, "nodes vanished while they stopped")
            raise not_up(context, await _seen(context, cluster))
        if wait.seconds >= REMOVAL_DEADLINE:
            going = cluster.num_nodes - stopped
            raise OutcomeUnknown(
                f"not stopped yet: {count(going, 'node')} of {cluster.name!r}", hint="Run the command again."
            )
        progress("stop", f"waiting for {cluster.num_nodes - stopped} of {count(cluster.num_nodes, 'node')} to stop")
        await wait.pause()


def _papers(context: Context, cluster: ClusterRecord) -> Papers:
    papers = current(context, cluster)
    if papers is None:
        raise not_up(context, cluster)
    return papers


async def _as_it_is(context: Context, cluster: ClusterRecord) -> ClusterRecord:
    """The record, after a look if it may have become wrong by itself: unseen, or stopped by autostop."""
    await refuse_strangers(context, cluster)
    if cluster.state is _S.UNKNOWN or (cluster.state is _S.UP and cluster.autostop is not None):
        return await _seen(context, cluster)
    return cluster


async def _seen(context: Context, cluster: ClusterRecord) -> ClusterRecord:
    """The record of a cluster we hold, after a look. Raises ClusterNotFound when it has removed itself."""
    known = context.store.clusters.get(cluster.name) or cluster
    found = record_verdict(context, known, await look(context, known))
    if found is None:
        raise removed_itself(cluster.name)
    return found


async def start(context: Context, name: str, autostop: Autostop | None, progress: Progress) -> None:
    """Bring a stopped cluster back up. Idempotent on one that is up."""
    async with operation(context, name, "start") as held:
        cluster = await _as_it_is(context, held)
        if cluster.state is _S.UP:
            return
        if cluster.state not in (_S.STOPPED, _S.STARTING, _S.STOPPING) and not _was_up(cluster):
            raise not_up(context, cluster)
        handle = await bring_back(context, cluster, autostop, progress)
        await handle.close()


async def bring_back(context: Context, cluster: ClusterRecord, autostop: Autostop | None, progress: Progress) -> Handle:
    """Start the stopped nodes of a cluster we hold and set them up again. Nothing is ever removed for it."""
    account = context.clouds.get(cluster.cloud, cluster.account)
    require(account.cloud, SupportsStop, others=context.plugins.with_capability("stop"))
    await account.require_identity(cluster.identity)
    budget.require(context, cluster)
    if cluster.state is _S.STOPPING:
        await _stop_nodes(context, cluster, account, progress)
        context.move(cluster.name, _S.STOPPED, "the interrupted stop was finished")
    papers = _papers(context, cluster)
    if papers.newest.kind != "start" or papers.newest.state is not AttemptState.OPEN:
        request = StartRequest(
            owner=papers.owner,
            scope=papers.scope,
            ranks=tuple(range(cluster.num_nodes)),
            receipts=papers.receipts,
            boot=watchdog.boot(account.cloud, context.public_key),
        )
        try:
            prepared = await prepare(account, request)
        except StyxError as error:
            await _look_why(context, cluster, error)
            raise
        papers = papers.having(await commit_intent(context, account, cluster.name, "start", prepared))
    try:
        context.move(cluster.name, _S.STARTING, within=budget.within(context))
    except NoOffer:  # others have launched meanwhile: it was not asked for
        context.settle(papers.newest, AttemptState.SETTLED)
        raise
    try:
        nodes = await drive(context, account, papers, progress)
        costs.note(context, cluster.name, nodes)
    except StyxError as error:
        await _look_why(context, cluster, error)
        raise
    handle = await set_up(context, cluster, nodes, autostop, progress)
    async with handle.closed_on_error():
        try:
            await mount_again(context, handle, progress)
        except StyxError as error:  # jobs would run without what they were promised
            context.move(cluster.name, _S.FAILED, error.message, error=error.to_wire())
            raise
    return handle


async def _look_why(context: Context, cluster: ClusterRecord, error: StyxError) -> None:
    """Record what there is of a cluster that could not be started, with the error, and what to do next in its hint."""
    with suppress(ProviderError, PluginError, BadInput):
        now = await _seen(context, cluster)
        error.hint = error.hint or on_record(context, now)
        context.store.clusters.update(now.name, holder=context.holder, error=error.to_wire())


async def down(context: Context, name: str, progress: Progress) -> None:
    """Remove a cluster and everything it made. The record goes only when nothing of it is there any more."""
    async with operation(context, name, "down") as cluster:
        await refuse_strangers(context, cluster)
        handle = None
        if cluster.state is _S.UP:
            await _find_here(context, cluster)
            with suppress(ClusterNotUp, TransportError):
                handle = connect(context, cluster)
        context.move(name, _S.TERMINATING, "removed by the user")  # before anything ends, as with stop
        if handle is not None:
            await _shut_down(context, handle, progress, keep=False)
        try:
            await remove_all(context, cluster, progress)
            await buckets.remove_with(context, name, progress)
        except StyxError as error:
            error.hint = error.hint or f"`styx down {name}` goes on when that is mended; --forget drops its record."
            context.store.clusters.update(name, holder=context.holder, error=error.to_wire())
            raise
        context.tell(context.store.clusters.remove(name, "removed by the user", holder=context.holder))


async def forget(context: Context, name: str) -> None:
    """Drop the record without asking the provider; tombstones stay, so that what turns up later is known."""
    async with operation(context, name, "down"):
        context.give_up(name)
        context.tell(context.store.clusters.remove(name, "forgotten by the user", holder=context.holder))


async def remove_all(context: Context, cluster: ClusterRecord, progress: Progress) -> None:
    """Remove everything that any attempt of this cluster may have made.

    What an earlier cluster of the same name left behind (the user forgot it) is removed too where that can be done, and
    otherwise stays a tombstone.
    """
    current(context, cluster)  # if there are no papers yet
    attempts = context.give_up(cluster.name)
    ours = [a for a in attempts if is_of(a, cluster)]
    for (cloud, account), group in _by_account(ours).items():
        await remove(context, context.clouds.get(cloud, account), papers_of(group), progress)
    for (cloud, account), group in _by_account([a for a in attempts if a not in ours]).items():
        with suppress(ProviderError, PluginError, BadInput):
            await remove(context, context.clouds.get(cloud, account), papers_of(group), progress, patience=0.0)


def _by_account(attempts: Sequence[AttemptRecord]) -> dict[tuple[str, str], list[AttemptRecord]]:
    groups: dict[tuple[str, str], list[AttemptRecord]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.cloud, attempt.account), []).append(attempt)
    return groups


async def _find_here(context: Context, cluster: ClusterRecord) -> None:
    """Look once more where nodes on this machine are, if this home was copied: else the original's would be ended."""
    if cluster.state is _S.UP and misplaced(context.store.nodes.of(cluster.name), context.home):
        await look(context, cluster)


async def _shut_down(context: Context, handle: Handle, progress: Progress, *, keep: bool) -> None:
    """End the runtime and its jobs, and unmount; a node that cannot be reached is the provider's to stop."""
    try:
        async with asyncio.timeout(SHUTDOWN_SECONDS):
            await context.backend.shutdown(handle, keep=keep)
        await unmount(context, handle, progress)
    except (TimeoutError, StyxError):
        return
    finally:
        await handle.close()
