"""Bringing an existing cluster up for a task, from whatever state it is in."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from styx.api.backend import Autostop
from styx.api.cloud import Cloud, SupportsPorts, SupportsStop
from styx.api.errors import BadInput, ClusterNotUp, NoOffer, PluginError, ProviderError, StyxError
from styx.api.nodes import Node, NodeState
from styx.api.offers import Scope
from styx.engine import asked, budget
from styx.engine.advice import down_first, not_up
from styx.engine.codec import offer_from_data
from styx.engine.context import Context, Progress
from styx.engine.handle import Handle
from styx.engine.judge import judge
from styx.engine.lifecycle import bring_back, remove_all
from styx.engine.observe import Sight
from styx.engine.obtain import Wish, make, plan_machines, request_again
from styx.engine.papers import Papers
from styx.engine.provision import drive
from styx.engine.reconcile import current, record_verdict, see
from styx.engine.setup import connect, require_autostop, set_autostop, set_up
from styx.engine.trust import Newcomers, with_key
from styx.optimizer.rank import label, why_not
from styx.spec.model import Alternative, TaskSpec
from styx.store.records import AttemptState, ClusterRecord
from styx.store.states import ClusterState
from styx.words import count, sentences

ANSWER_SECONDS = 20.0  # that a node may take to say whether the runtime is there
_NAMED = 3  # things that are left, in one sentence

ErrorT = TypeVar("ErrorT", bound=StyxError)


async def reuse(context: Context, wish: Wish, cluster: ClusterRecord, progress: Progress) -> tuple[Handle, bool]:
    """Bring an existing cluster up from whatever state it is in, going on where an interrupted client stopped.

    Nothing is removed for it that may have been in use: raises ClusterNotUp, or why the task cannot have it.
    """
    handle, made = await _bring_up(context, wish, cluster, progress)
    if not made:
        async with handle.closed_on_error():
            await _open_ports(context, wish, cluster.name, progress)
    return handle, made


async def _open_ports(context: Context, wish: Wish, name: str, progress: Progress) -> None:
    """Open what the task wants open, as far as nobody has asked for it yet; say what the cluster goes without."""
    cluster = context.require_hold(name)
    wanted, cloud = require_fit(wish.task, cluster, wish.account), _cloud(context, cluster)
    if labels := asked.other_labels(wanted, cluster):
        progress("note", f"cluster {name!r} keeps the labels it was made with: {', '.join(labels)} cannot be added")
    ports = asked.closed_ports(wanted, cluster)
    if not ports:
        return
    if not isinstance(cloud, SupportsPorts):
        shown = ", ".join(map(str, ports))
        progress("note", f"{cloud.name} opens no ports of a cluster that is there: nothing was done about {shown}")
        return
    account = context.clouds.get(cluster.cloud, cluster.account)
    await account.call(cloud.open_ports, Scope(cluster.scope), context.owner(cluster), ports)
    if "ports" in cluster.request:
        opened = sorted({*asked.ports_of(wanted), *cluster.request["ports"]})  # type: ignore[misc]
        context.store.clusters.update(name, holder=context.holder, request={**cluster.request, "ports": opened})


async def _bring_up(context: Context, wish: Wish, cluster: ClusterRecord, progress: Progress) -> tuple[Handle, bool]:
    if cluster.state is ClusterState.UP:
        policy = _fitting_policy(context, wish, cluster)
        handle = connect(context, cluster)
        async with handle.closed_on_error():
            progress("agent", "making sure of the runtime")
            await context.backend.prepare(handle)  # a node may have been rebooted, or lost what the runtime had there
            if policy is not None:
                await set_autostop(context, cluster, handle, policy)
        return handle, False
    if cluster.state in (ClusterState.STOPPED, ClusterState.STOPPING, ClusterState.STARTING):
        policy = _fitting_policy(context, wish, cluster) or cluster.autostop
        return await bring_back(context, cluster, policy, progress), False
    found = await _in_use(context, cluster)
    if found is not None:
        return await _go_on_with(context, wish, cluster, found, progress), False
    nodes = await _resume(context, wish, cluster, progress)
    if nodes:
        policy = _fitting_policy(context, wish, cluster) or cluster.autostop
        return await set_up(context, cluster, nodes, policy, progress), False
    plan = await plan_machines(context, wish, progress)
    context.move(
        cluster.name,
        ClusterState.PLANNING,
        "nothing of the last attempt is left",
        num_nodes=wish.task.num_nodes,
        launched_at=None,
        autostop=None,
        autostop_set=False,
        error=None,
    )
    return await make(context, wish, plan, progress), True


def _fitting_policy(context: Context, wish: Wish, cluster: ClusterRecord) -> Autostop | None:
    """The autostop that is asked for with this launch. Raises where the cluster, or the policy, will not do."""
    alternative = require_fit(wish.task, cluster, wish.account)
    policy = wish.autostop or alternative.autostop
    require_autostop(_cloud(context, cluster), policy, spot=cluster.spot)
    return policy


def _cloud(context: Context, cluster: ClusterRecord) -> Cloud:
    return context.clouds.get(cluster.cloud, cluster.account).cloud


def _live(context: Context, cluster: ClusterRecord) -> Papers | None:
    """The papers of an attempt of which something may be there that nobody has given up."""
    papers = current(context, cluster)
    return None if papers is None or papers.given_up or papers.newest.state is AttemptState.CLOSED else papers


async def _in_use(context: Context, cluster: ClusterRecord) -> Sight | None:
    """What is left of machines that all ran once: their disks may hold the only copy of something. Or None.

    That they did is not in a record that was restored from the middle of a launch; but no launch makes machines that
    are stopped, and none of which it is not known what came of it has got to setting any up.
    """
    papers = _live(context, cluster)
    if papers is None:
        return None
    found = await see(context, papers)
    if cluster.launched_at is None and papers.open:
        if not (found.count(NodeState.STOPPED, NodeState.STOPPING) or await _were_set_up(context, cluster, found)):
            return None
        for intent in papers.open:
            context.settle(intent, AttemptState.SETTLED)
    if len(found.nodes) < cluster.num_nodes and not found.proves_absence:
        raise not_up(context, replace(cluster, state=ClusterState.UNKNOWN, error=None))
    return found if found.nodes or found.leftovers else None


async def _were_set_up(context: Context, cluster: ClusterRecord, found: Sight) -> bool:
    """Whether the runtime of this cluster is on any of the nodes that run, as far as these can be reached."""
    running = [with_key(context.home, node) for node in found.nodes if node.state is NodeState.RUNNING]
    return any(await asyncio.gather(*(_was_set_up(context, cluster, node) for node in running)))


async def _was_set_up(context: Context, cluster: ClusterRecord, node: Node) -> bool:
    way = Newcomers(context, cluster, wait=0.0, remember=False)
    handle = Handle(cluster.name, context.owner(cluster), [node], _cloud(context, cluster), way)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return bool(await context.backend.metrics(handle))
    except (TimeoutError, StyxError):  # a backend that has nothing there says so with an error
        return False
    finally:
        await handle.close()


async def _go_on_with(context: Context, wish: Wish, cluster: ClusterRecord, found: Sight, progress: Progress) -> Handle:
    """Bring those machines up again. Raises ClusterNotUp when they are not all there."""
    if len(found.nodes) < cluster.num_nodes:
        raise _half_gone(cluster, found)
    try:
        policy = _fitting_policy(context, wish, cluster) or cluster.autostop
    except BadInput as error:
        raise _down_first(cluster, error) from None
    if found.count(NodeState.RUNNING) == cluster.num_nodes:
        return await set_up(context, cluster, found.nodes, policy, progress)
    if not isinstance(_cloud(context, cluster), SupportsStop):
        raise _half_gone(cluster, found)
    if cluster.state is ClusterState.PROVISIONING:  # as it was restored: no state to start from
        cluster = record_verdict(context, cluster, judge(cluster, found)) or cluster
    return await bring_back(context, cluster, policy, progress)


def _half_gone(cluster: ClusterRecord, found: Sight) -> ClusterNotUp:
    left = f"{len(found.nodes)} of {cluster.num_nodes} nodes are left, and they"
    if not found.nodes:
        things = [f"{rest.kind} {rest.id}" for rest in found.leftovers]
        more = f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
        left = f"no node is left but {', '.join(things[:_NAMED])}{more}, which"
    return ClusterNotUp(
        f"of cluster {cluster.name!r}, {left} may hold your files",
        hint=down_first(cluster.name),
        cluster=cluster.name,
        state=cluster.state.value,
    )


def _down_first(cluster: ClusterRecord, error: ErrorT) -> ErrorT:
    """Why the task cannot have machines that are there; with what removes them, for they may be in use."""
    error.hint = sentences(error.hint, f"`styx down {cluster.name}` removes the one that is there")
    return error


async def _resume(context: Context, wish: Wish, cluster: ClusterRecord, progress: Progress) -> list[Node]:
    """The nodes of an interrupted first launch, all running; or none, and then nothing of it is left."""
    papers = _live(context, cluster)
    if papers is not None and papers.open:
        try:
            wanted = require_fit(wish.task, cluster, wish.account)
            account = context.clouds.get(papers.newest.cloud, papers.newest.account)
            await account.require_identity(papers.newest.identity)
            limits = budget.within(context)
            context.move(cluster.name, ClusterState.PROVISIONING, "going on with an interrupted launch", within=limits)
        except (BadInput, NoOffer) as error:  # of another shape, or no money for it any more
            found = await see(context, papers)
            if found.nodes or found.leftovers or not found.proves_absence:
                raise _down_first(cluster, error) from None
        else:
            again = request_again(context, account.cloud, wanted, offer_from_data(cluster.offer), papers.owner)
            with suppress(ProviderError, PluginError):  # what it made is gone then, or remove_all below says why not
                return await drive(context, account, papers, progress, again)
    await remove_all(context, cluster, progress)
    return []


def require_fit(task: TaskSpec, cluster: ClusterRecord, account: str | None = None) -> Alternative:
    """The alternative that the cluster satisfies.

    Raises BadInput when it is smaller, another kind of machine, or not of the account that is asked for.
    """
    if account not in (None, cluster.account):
        raise BadInput(
            f"cluster {cluster.name!r} is on {label(cluster.cloud, cluster.account)}, not on account {account!r}",
            hint="Launch it on a cluster of another name, or leave out --account.",
        )
    if task.num_nodes > cluster.num_nodes:
        raise BadInput(
            f"cluster {cluster.name!r} has {count(cluster.num_nodes, 'node')}, the task wants {task.num_nodes}",
            hint="Launch it on a cluster of another name.",
        )
    offer = offer_from_data(cluster.offer)
    misses = []
    for alternative in task.resources.alternatives:
        miss = why_not(alternative, offer, task.num_nodes) or asked.why_not(alternative, cluster)
        if miss is None:
            return alternative
        misses.append(miss)
    raise BadInput(
        f"cluster {cluster.name!r} does not fit the task: {misses[0]}",
        hint="Launch it on a cluster of another name, or loosen its resources.",
    )
