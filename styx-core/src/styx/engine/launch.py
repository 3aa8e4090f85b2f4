"""Launch: plan, provision with failover, set up. Also goes on from wherever an interrupted launch was left."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from getpass import getuser
from typing import Any

from styx.api.backend import Autostop
from styx.api.errors import (
    AuthFailed,
    BadInput,
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
from styx.engine.observe import Verdict
from styx.engine.operation import LEASE_SECONDS, operation, renewing
from styx.engine.plan import Plan, plan
from styx.engine.provision import commit_intent, drive
from styx.engine.reconcile import look, observe_attempt, record_verdict
from styx.engine.setup import connect, not_up, require_autostop, set_up
from styx.optimizer.rank import Choice, why_not
from styx.spec.model import TaskSpec
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
        await down(context, wish.cluster, progress)  # finish what was begun: a new cluster takes the name
        existing = None
    if existing is None:
        found = await _plan(context, wish, progress)
        context.store.clusters.create(_new_record(context, wish))
        async with renewing(context, wish.cluster):
            return await _make(context, wish, found, progress), True
    async with operation(context, wish.cluster, "launch") as cluster:
        return await _reuse(context, wish, cluster, progress)


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
    if cluster.state is ClusterState.UNKNOWN:
        cluster = _seen_again(context, cluster, await look(context, cluster))
    if cluster.offer:
        require_fit(wish.task, cluster)
        require_autostop(context.clouds.get(cluster.cloud, cluster.account).cloud, wish.autostop)
    if cluster.state is ClusterState.UP:
        handle = connect(context, cluster)
        if wish.autostop is not None:
            await context.backend.autostop(handle, wish.autostop)
            context.store.clusters.update(
                cluster.name, holder=context.holder, autostop=wish.autostop, autostop_set=True
            )
        return handle, False
    policy = wish.autostop or cluster.autostop
    if cluster.state in (ClusterState.STOPPED, ClusterState.STOPPING, ClusterState.STARTING):
        return await bring_back(context, cluster, policy, progress), False
    nodes = await _resume(context, cluster, progress)
    if nodes:
        return await set_up(context, cluster, nodes, policy, progress), False
    found = await _plan(context, wish, progress)
    if cluster.state is not ClusterState.PLANNING:
        context.move(
            cluster.name, ClusterState.PLANNING, "nothing of the last attempt is left", num_nodes=wish.task.num_nodes
        )
    return await _make(context, wish, found, progress), True


def _seen_again(context: Context, cluster: ClusterRecord, verdict: Verdict) -> ClusterRecord:
    seen = record_verdict(context, cluster, verdict)
    if seen is None or seen.state is ClusterState.UNKNOWN:
        raise not_up(cluster)
    return seen


async def _resume(context: Context, cluster: ClusterRecord, progress: Progress) -> list[Node]:
    """The nodes of an interrupted or failed launch, all running; or none, and then nothing of it is left."""
    mine = [a for a in context.store.attempts.of(cluster.name) if a.owner.attempt == cluster.attempt]
    if mine and mine[-1].state is AttemptState.OPEN:
        with suppress(ProviderError):  # what it made is gone then, or remove_all below says why not
            account = context.clouds.get(mine[-1].cloud, mine[-1].account)
            return await drive(context, account, mine[-1], progress)
    elif mine and mine[-1].state is AttemptState.SETTLED:
        nodes, seen = await observe_attempt(context, mine)
        if not seen.complete:
            raise not_up(replace(cluster, state=ClusterState.UNKNOWN))
        running = [node for node in nodes if node.state is NodeState.RUNNING]
        if len(running) == cluster.num_nodes:
            return running
    await remove_all(context, cluster, progress)
    return []


async def _make(context: Context, wish: Wish, found: Plan, progress: Progress) -> Handle:
    """Try the choices in turn until one gives nodes, then set them up. The cluster is PLANNING and ours."""
    try:
        choice, nodes = await _provision(context, wish, found.choices, progress)
    except StyxError as error:
        if all(attempt.state is AttemptState.CLOSED for attempt in context.store.attempts.of(wish.cluster)):
            context.tell(context.store.clusters.remove(wish.cluster, error.message, holder=context.holder))
        else:
            context.move(wish.cluster, ClusterState.FAILED, error.message, error=error.to_wire())
        raise
    cluster = context.store.clusters.get(wish.cluster)
    assert cluster is not None
    return await set_up(context, cluster, nodes, _autostop(wish, choice), progress)


async def _provision(
    context: Context, wish: Wish, choices: Sequence[Choice], progress: Progress
) -> tuple[Choice, list[Node]]:
    while True:
        reasons: dict[str, str] = {}
        for choice in choices:
            offer = choice.offer
            where = f"{offer.cloud}/{offer.scope.name}"
            if offer.cloud in reasons or where in reasons:
                continue
            progress("provision", f"launching {wish.task.num_nodes}x {offer.instance_type} on {where}")
            try:
                return choice, await _attempt(context, wish, choice, progress)
            except (InvalidRequest, WrongAccount):
                raise
            except (ProviderError, PluginError) as error:
                whole_cloud = isinstance(error, AuthFailed | PermissionDenied | PluginError)
                reasons[offer.cloud if whole_cloud else where] = error.message
                context.move(wish.cluster, ClusterState.PLANNING, f"{where}: {error.message}")
        if not wish.retry_until_up:
            story = "".join(f"\n  {where}: {why}" for where, why in reasons.items())
            raise NoOffer(
                f"no place would give the machines:{story}",
                hint="-r/--retry-until-up keeps trying; `styx check` shows which clouds can be used.",
                reasons=reasons,
            )
        progress("provision", f"nothing free; trying again in {RETRY_SECONDS:g} s")
        await context.clock.sleep(RETRY_SECONDS)


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


def require_fit(task: TaskSpec, cluster: ClusterRecord) -> None:
    """Raise BadInput when the cluster is smaller than the task, or another kind of machine."""
    if task.num_nodes > cluster.num_nodes:
        raise BadInput(
            f"cluster {cluster.name!r} has {cluster.num_nodes} nodes, the task wants {task.num_nodes}",
            hint="Launch it on a cluster of another name.",
        )
    offer = replace(offer_from_data(cluster.offer), available=None)
    misses = [why_not(alternative, offer, task.num_nodes) for alternative in task.resources.alternatives]
    if all(misses):
        raise BadInput(
            f"cluster {cluster.name!r} does not fit the task: {misses[0]}",
            hint="Launch it on a cluster of another name, or loosen its resources.",
        )
