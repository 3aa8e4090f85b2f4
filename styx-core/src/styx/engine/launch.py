"""Launch: plan, provision with failover, set up. Also goes on from wherever an interrupted launch was left."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from getpass import getuser
from typing import Any

from styx.api.backend import Autostop
from styx.api.cloud import Cloud, SupportsStop
from styx.api.errors import (
    AuthFailed,
    BadInput,
    ClusterNotFound,
    ClusterNotUp,
    InvalidRequest,
    NoOffer,
    PermissionDenied,
    PluginError,
    ProviderError,
    StyxError,
    Unsupported,
    WrongAccount,
)
from styx.api.launch import Boot, LaunchRequest
from styx.api.names import Owner, new_attempt_id, slug
from styx.api.nodes import Node, NodeState
from styx.engine.clouds import CloudAccount
from styx.engine.codec import offer_from_data, offer_to_data
from styx.engine.context import Context, Progress
from styx.engine.handle import Handle
from styx.engine.lifecycle import bring_back, down, remove_all
from styx.engine.operation import LEASE_SECONDS, operation, renewing
from styx.engine.plan import Plan, plan
from styx.engine.provision import commit_intent, drive
from styx.engine.reconcile import current, look, record_verdict, see
from styx.engine.setup import connect, not_up, require_autostop, set_autostop, set_up
from styx.optimizer.rank import Choice, why_not
from styx.spec.model import Alternative, TaskSpec
from styx.store.records import AttemptState, ClusterRecord, Operation
from styx.store.states import ClusterState

RETRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What to launch and how. ``task`` decides the machines; its files and job come later."""

    task: TaskSpec
    cluster: str
    autostop: Autostop | None = None
    retry_until_up: bool = False


async def launch(context: Context, wish: Wish, progress: Progress) -> tuple[Handle, bool]:
    """A cluster of that name that is up and satisfies the task, made if need be; and whether it was made.

    Raises ClusterBusy when another client has it, NoOffer when nothing fits, BadInput when it exists but is too small.
    """
    existing = context.store.clusters.get(wish.cluster)
    if existing is not None and existing.state is ClusterState.TERMINATING:
        with suppress(ClusterNotFound):  # somebody else was quicker
            await down(context, wish.cluster, progress)  # finish what was begun: a new cluster takes the name
        existing = None
    if existing is not None:
        async with operation(context, wish.cluster, "launch") as cluster:
            seen = await _as_it_is(context, cluster)
            if seen is not None:
                return await _reuse(context, wish, seen, progress)
    found = await _plan(context, wish, progress)
    context.store.clusters.create(_new_record(context, wish))
    async with renewing(context, wish.cluster):
        return await _make(context, wish, found, progress), True


async def _as_it_is(context: Context, cluster: ClusterRecord) -> ClusterRecord | None:
    """The record after a look, where one can help; None when the cluster has removed itself meanwhile."""
    if cluster.state not in (ClusterState.UP, ClusterState.UNKNOWN):
        return cluster
    seen = record_verdict(context, cluster, await look(context, cluster))
    if seen is not None and seen.state in (ClusterState.UNKNOWN, ClusterState.TERMINATING):
        raise not_up(seen)
    return seen


async def _plan(context: Context, wish: Wish, progress: Progress) -> Plan:
    progress("plan", "asking the clouds what they have")
    found = (await plan(context, wish.task)).require()
    enforceable, refusal = [], None
    for choice in found.choices:
        try:
            require_autostop(context.clouds.get(choice.offer.cloud).cloud, _autostop(wish, choice))
            enforceable.append(choice)
        except Unsupported as error:
            refusal = error
    if refusal is not None and not enforceable:
        raise refusal
    return replace(found, choices=tuple(enforceable))


def _autostop(wish: Wish, choice: Choice) -> Autostop | None:
    return wish.autostop or choice.alternative.autostop


async def _reuse(context: Context, wish: Wish, cluster: ClusterRecord, progress: Progress) -> tuple[Handle, bool]:
    """Bring an existing cluster up from whatever state it is in, going on where an interrupted client stopped."""
    if cluster.state is ClusterState.UP:
        policy = _fitting_policy(context, wish, cluster)
        handle = connect(context, cluster)
        if policy is not None:
            await set_autostop(context, handle, policy)
        return handle, False
    if cluster.state in (ClusterState.STOPPED, ClusterState.STOPPING, ClusterState.STARTING):
        policy = _fitting_policy(context, wish, cluster) or cluster.autostop
        return await bring_back(context, cluster, policy, progress), False
    if cluster.launched_at is not None and (survivors := await _survivors(context, cluster)):
        policy = _fitting_policy(context, wish, cluster) or cluster.autostop
        if len(survivors) < cluster.num_nodes or not isinstance(_cloud(context, cluster), SupportsStop):
            raise _half_gone(cluster, len(survivors))
        return await bring_back(context, cluster, policy, progress), False
    nodes = await _resume(context, wish, cluster, progress)
    if nodes:
        policy = _fitting_policy(context, wish, cluster) or cluster.autostop
        return await set_up(context, cluster, nodes, policy, progress), False
    found = await _plan(context, wish, progress)
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
    return await _make(context, wish, found, progress), True


def _fitting_policy(context: Context, wish: Wish, cluster: ClusterRecord) -> Autostop | None:
    """The autostop that is asked for with this launch. Raises where the cluster, or the policy, will not do."""
    alternative = require_fit(wish.task, cluster)
    policy = wish.autostop or alternative.autostop
    require_autostop(_cloud(context, cluster), policy)
    return policy


def _cloud(context: Context, cluster: ClusterRecord) -> Cloud:
    return context.clouds.get(cluster.cloud, cluster.account).cloud


async def _survivors(context: Context, cluster: ClusterRecord) -> list[Node]:
    """What is left of a cluster that was in use once. Its disks may hold the only copy of something."""
    attempts = current(context, cluster)
    if not attempts or attempts[-1].state in (AttemptState.TOMBSTONE, AttemptState.CLOSED):
        return []
    found = await see(context, attempts)
    if not found.nodes and not found.proves_absence:
        raise not_up(replace(cluster, state=ClusterState.UNKNOWN))
    return list(found.nodes)


def _half_gone(cluster: ClusterRecord, left: int) -> ClusterNotUp:
    return ClusterNotUp(
        f"of cluster {cluster.name!r}, {left} of {cluster.num_nodes} nodes are left, and they may hold your files",
        hint=f"`styx down {cluster.name}` removes them; then launch again.",
        cluster=cluster.name,
        state=cluster.state.value,
    )


async def _resume(context: Context, wish: Wish, cluster: ClusterRecord, progress: Progress) -> list[Node]:
    """The nodes of an interrupted first launch, all running; or none, and then nothing of it is left."""
    mine = current(context, cluster)
    newest = mine[-1] if mine else None
    with suppress(BadInput):  # a task of another shape: what was begun for the last one is no use to it
        if newest is not None and newest.state is AttemptState.OPEN:
            require_fit(wish.task, cluster)
            account = context.clouds.get(newest.cloud, newest.account)
            await account.require_identity(newest.identity)
            context.move(cluster.name, ClusterState.PROVISIONING, "going on with an interrupted launch")
            with suppress(ProviderError, PluginError):  # what it made is gone then, or remove_all below says why not
                return await drive(context, account, newest, progress)
        elif newest is not None and newest.state is AttemptState.SETTLED:
            require_fit(wish.task, cluster)
            found = await see(context, mine)
            if not found.complete:
                raise not_up(replace(cluster, state=ClusterState.UNKNOWN))
            if found.count(NodeState.RUNNING) == cluster.num_nodes:
                return list(found.nodes)
    await remove_all(context, cluster, progress)
    return []


async def _make(context: Context, wish: Wish, found: Plan, progress: Progress) -> Handle:
    """Try the choices in turn until one gives nodes, then set them up. The cluster is PLANNING and ours."""
    try:
        choice, nodes = await _provision(context, wish, found.choices, progress)
    except StyxError as error:
        if not _left_behind(context, wish.cluster):
            context.tell(context.store.clusters.remove(wish.cluster, error.message, holder=context.holder))
        else:
            context.move(wish.cluster, ClusterState.FAILED, error.message, error=error.to_wire())
        raise
    cluster = context.store.clusters.get(wish.cluster)
    assert cluster is not None
    return await set_up(context, cluster, nodes, _autostop(wish, choice), progress)


def _left_behind(context: Context, name: str) -> bool:
    """Whether any attempt of this cluster may have left something; one forgotten under its name does not count."""
    cluster = context.store.clusters.get(name)
    return cluster is None or any(
        attempt.state is not AttemptState.CLOSED and attempt.created_at >= cluster.created_at
        for attempt in context.store.attempts.of(name)
    )


async def _provision(
    context: Context, wish: Wish, choices: Sequence[Choice], progress: Progress
) -> tuple[Choice, list[Node]]:
    while True:
        reasons: dict[str, str] = {}
        for choice in choices:
            offer = choice.offer
            where = _where(choice)
            if offer.cloud in reasons or where in reasons:
                continue
            progress("provision", f"launching {wish.task.num_nodes}x {where}")
            try:
                return choice, await _attempt(context, wish, choice, progress)
            except (InvalidRequest, WrongAccount):
                raise  # no other place will help
            except (ProviderError, PluginError) as error:
                whole_cloud = isinstance(error, AuthFailed | PermissionDenied | PluginError)
                reasons[offer.cloud if whole_cloud else where] = error.message
                context.move(wish.cluster, ClusterState.PLANNING, f"{where}: {error.message}", error=error.to_wire())
        if not wish.retry_until_up:
            story = "".join(f"\n  {where}: {why}" for where, why in reasons.items())
            raise NoOffer(
                f"no place would give the machines:{story}",
                hint="-r/--retry-until-up keeps trying; `styx check` shows which clouds can be used.",
                reasons=reasons,
            )
        progress("provision", f"nothing free; trying again in {RETRY_SECONDS:g} s")
        await context.clock.sleep(RETRY_SECONDS)


def _where(choice: Choice) -> str:
    """One thing that can be asked for, as progress and errors name it."""
    offer = choice.offer
    spot = " (spot)" if choice.alternative.use_spot else ""
    return f"{offer.instance_type}{spot} on {offer.cloud}/{offer.zone or offer.scope.name}"


async def _attempt(context: Context, wish: Wish, choice: Choice, progress: Progress) -> list[Node]:
    """One intent for one offer, from its first commit to running nodes."""
    account = context.clouds.get(choice.offer.cloud)
    identity = await account.identity()
    owner = Owner(context.store.installation, slug(wish.cluster), new_attempt_id())
    prepared = await account.call(account.cloud.prepare, _request(context, wish, choice, owner))
    attempt = await commit_intent(context, account, wish.cluster, "launch", prepared)
    context.move(
        wish.cluster,
        ClusterState.PROVISIONING,
        f"{choice.offer.cloud}/{choice.offer.scope.name}",
        attempt=owner.attempt,
        identity=identity.account,
        **_bought(choice, account, wish.task.num_nodes),
    )
    return await drive(context, account, attempt, progress)


def _bought(choice: Choice, account: CloudAccount, num_nodes: int) -> dict[str, Any]:
    """What the record says of the machines."""
    offer = choice.offer
    gpus = ", ".join(f"{a.count:g}x {a.name}" for a in offer.accelerators)
    size = f"{offer.vcpus:g} CPUs, {offer.memory_gib:g} GiB"
    return {
        "cloud": offer.cloud,
        "account": account.account,
        "scope": offer.scope.name,
        "region": offer.region,
        "zone": offer.zone or "",
        "instance_type": offer.instance_type,
        "num_nodes": num_nodes,
        "resources": f"{gpus}, {size}" if gpus else size,
        "offer": offer_to_data(offer),
        "spot": choice.alternative.use_spot,
        "hourly_cost": choice.hourly_cost,
    }


def _request(context: Context, wish: Wish, choice: Choice, owner: Owner) -> LaunchRequest:
    wanted = choice.alternative
    image = wanted.image_id
    return LaunchRequest(
        owner=owner,
        offer=choice.offer,
        ranks=tuple(range(wish.task.num_nodes)),
        boot=Boot(authorized_key=context.public_key),
        spot=wanted.use_spot,
        disk_gib=wanted.disk_size,
        image=image if image is None or isinstance(image, str) else image.get(choice.offer.region),
        ports=tuple(port for text in wanted.ports for port in _ports(text)),
        labels=dict(wanted.labels),
    )


def _ports(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _new_record(context: Context, wish: Wish) -> ClusterRecord:
    now = context.clock.now()
    return ClusterRecord(
        name=wish.cluster,
        slug=slug(wish.cluster),
        state=ClusterState.PLANNING,
        created_at=now,
        updated_at=now,
        num_nodes=wish.task.num_nodes,
        backend=context.backend.name,
        task_name=wish.task.name or "",
        user=getuser(),
        operation=Operation("launch", context.holder, now + timedelta(seconds=LEASE_SECONDS)),
    )


def require_fit(task: TaskSpec, cluster: ClusterRecord) -> Alternative:
    """The alternative that the cluster satisfies. Raises BadInput when it is smaller, or another kind of machine."""
    if task.num_nodes > cluster.num_nodes:
        raise BadInput(
            f"cluster {cluster.name!r} has {cluster.num_nodes} nodes, the task wants {task.num_nodes}",
            hint="Launch it on a cluster of another name.",
        )
    offer = offer_from_data(cluster.offer)
    misses = []
    for alternative in task.resources.alternatives:
        miss = why_not(alternative, offer, task.num_nodes)
        if miss is None:
            return alternative
        misses.append(miss)
    raise BadInput(
        f"cluster {cluster.name!r} does not fit the task: {misses[0]}",
        hint="Launch it on a cluster of another name, or loosen its resources.",
    )
