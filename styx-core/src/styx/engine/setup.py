"""From running nodes to a cluster that takes jobs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from styx.api.backend import Autostop
from styx.api.cloud import Cloud, SelfStop, SupportsSelfStop, SupportsShutdown
from styx.api.errors import BadInput, ClusterNotFound, StyxError, Unsupported
from styx.api.names import Owner
from styx.api.nodes import Endpoint, Node, NodeState
from styx.api.offers import Scope
from styx.engine.advice import not_up
from styx.engine.context import Context, Progress
from styx.engine.handle import Handle
from styx.engine.notices import Notices
from styx.engine.observe import record_of
from styx.engine.reconcile import look, record_verdict
from styx.engine.staying import Gone, while_there
from styx.engine.trust import Newcomers, with_key
from styx.store.records import ClusterRecord, NodeRecord
from styx.store.states import ClusterState

LONGEST_IDLE = 10_000_000  # minutes


async def set_up(
    context: Context, cluster: ClusterRecord, nodes: Sequence[Node], autostop: Autostop | None, progress: Progress
) -> Handle:
    """Start the runtime on every node and record the cluster as up. Idempotent; running jobs are not disturbed.

    On failure the cluster is FAILED with the reason, its nodes stay on record, and the error goes on. Should a machine
    go meanwhile, the record says what is there then, and ClusterNotUp is raised.
    """
    now = context.clock.now()
    records = [record_of(cluster.name, node, now) for node in nodes]
    context.store.nodes.replace(cluster.name, records, holder=context.holder)
    # The policy first: once a node may stop itself, nobody must believe that it always runs.
    context.move(cluster.name, ClusterState.SETTING_UP, autostop=autostop, autostop_set=False)
    newcomers = Newcomers(context, cluster, progress)
    handle = Handle(
        cluster.name,
        context.owner(cluster),
        [with_key(context.home, node) for node in nodes],
        context.clouds.get(cluster.cloud, cluster.account).cloud,
        newcomers,
        Notices(context, cluster),
        context.epoch,
    )
    async with handle.closed_on_error():
        try:
            newcomers.wait_for([handle.transport(rank) for rank in range(len(nodes))])
            await while_there(context, cluster.name, nodes, context.backend.prepare(handle))
            if autostop is not None or cluster.launched_at is not None:  # one from before a stop must not live on
                await _give_policy(context, cluster, handle, autostop)
            context.move(
                cluster.name,
                ClusterState.UP,
                launched_at=context.clock.now(),
                autostop_set=autostop is not None,
                error=None,
            )
        except ClusterNotFound:  # removed by another client while this one was suspended: what it put there goes too
            with suppress(StyxError):
                await context.backend.shutdown(handle)
            raise
        except Gone:
            held = context.require_hold(cluster.name)
            raise not_up(context, record_verdict(context, held, await look(context, held)) or held) from None
        except StyxError as error:
            context.move(cluster.name, ClusterState.FAILED, error.message, error=error.to_wire())
            raise
    return handle


async def set_autostop(context: Context, cluster: ClusterRecord, handle: Handle, policy: Autostop | None) -> None:
    """Change the policy of a cluster that is up and that we hold; at no moment does the record promise too much."""
    clusters, holder = context.store.clusters, context.holder
    if policy is not None:
        clusters.update(handle.name, holder=holder, autostop=policy, autostop_set=False)
    await _give_policy(context, cluster, handle, policy)
    clusters.update(handle.name, holder=holder, autostop=policy, autostop_set=policy is not None)


async def _give_policy(context: Context, cluster: ClusterRecord, handle: Handle, policy: Autostop | None) -> None:
    """Have the nodes keep to the policy, once shutting down does to them what it says."""
    account = context.clouds.get(cluster.cloud, cluster.account)
    if policy is not None and isinstance(account.cloud, SupportsShutdown):
        context.require_hold(cluster.name)
        owner = context.owner(cluster)
        await account.call(account.cloud.set_shutdown, Scope(cluster.scope), owner, _mode(policy))
    await context.backend.autostop(handle, policy)


def _mode(policy: Autostop) -> SelfStop:
    return SelfStop.TERMINATE if policy.down else SelfStop.STOP


def require_autostop(cloud: Cloud, policy: Autostop | None, *, spot: bool) -> None:
    """Raise Unsupported when nothing could enforce the policy on such machines, before anything is made.

    Raises BadInput for a time that is none.
    """
    if policy is None:
        return
    if not -1 <= policy.idle_minutes <= LONGEST_IDLE:
        raise BadInput(f"autostop after {policy.idle_minutes} idle minutes", hint=f"From 0 to {LONGEST_IDLE}.")
    mode = _mode(policy)
    if mode is SelfStop.STOP:
        require_stoppable(cloud, spot=spot, hint="Use autostop with --down: that works there.")
    if mode in cloud.traits.self_stop and isinstance(cloud, SupportsSelfStop):
        return
    other = SelfStop.STOP if policy.down else SelfStop.TERMINATE
    flag = {SelfStop.STOP: "without --down", SelfStop.TERMINATE: "with --down"}[other]
    given = ("-i and --down" if policy.idle_minutes else "--down") if policy.down else "-i"
    leave = f"Leave out {given}, or `autostop` in the task's resources; `styx down` removes what nobody needs any more."
    hint = f"Use autostop {flag}: that works there." if other in cloud.traits.self_stop else leave
    raise Unsupported(
        f"autostop{' --down' if policy.down else ''} cannot be enforced on {cloud.name!r}: "
        f"its nodes cannot {mode.value} themselves, and no server is running that could",
        hint=hint,
        capability="autostop",
    )


def require_stoppable(cloud: Cloud, *, spot: bool, hint: str) -> None:
    """Raise Unsupported where machines are bought at spot prices and such machines cannot be stopped."""
    if spot and not cloud.traits.spot_stop:
        raise Unsupported(f"spot machines of {cloud.name} cannot be stopped", hint=hint, capability="stop")


def connect(context: Context, cluster: ClusterRecord) -> Handle:
    """A handle on a cluster that is up, from its record alone. Raises ClusterNotUp."""
    if cluster.state is not ClusterState.UP:
        raise not_up(context, cluster)
    owner = context.owner(cluster)
    nodes = [with_key(context.home, _node(record, owner)) for record in context.store.nodes.of(cluster.name)]
    cloud = context.clouds.get(cluster.cloud, cluster.account).cloud
    newcomers, notices = Newcomers(context, cluster, wait=0.0), Notices(context, cluster)
    return Handle(cluster.name, owner, nodes, cloud, newcomers, notices, context.epoch)


def _node(record: NodeRecord, owner: Owner) -> Node:
    endpoint = record.endpoint
    if endpoint is not None and record.host_key and "host_key" not in endpoint.options:
        endpoint = Endpoint(endpoint.kind, {**endpoint.options, "host_key": record.host_key})
    return Node(
        id=record.node_id,
        owner=owner,
        state=NodeState(record.state),
        rank=record.rank,
        endpoint=endpoint,
        private_ip=record.private_ip or None,
        public_ip=record.public_ip or None,
    )
