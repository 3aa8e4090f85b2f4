"""Making the record say what is there, after an interruption or when the cluster may have stopped itself."""

from __future__ import annotations

from styx.api.errors import ClusterBusy, ClusterNotFound, ProviderError
from styx.api.nodes import Node, Observation
from styx.engine.context import Context
from styx.engine.observe import Verdict, by_rank, judge, record_of
from styx.engine.operation import operation
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord
from styx.store.states import ClusterState


async def reconcile(context: Context, name: str) -> ClusterRecord | None:
    """Look at a cluster and record what is there; None when it is gone. Leaves one that somebody works on alone."""
    try:
        async with operation(context, name, "reconcile") as cluster:
            verdict = await look(context, cluster)
            return record_verdict(context, cluster, verdict)
    except ClusterBusy:
        return context.store.clusters.get(name)
    except ClusterNotFound:
        return None


async def look(context: Context, cluster: ClusterRecord) -> Verdict:
    """Observe the cluster's present attempt and judge. What cannot be asked is UNKNOWN, with the reason."""
    attempts = [a for a in context.store.attempts.of(cluster.name) if a.owner.attempt == cluster.attempt]
    if not attempts:  # nothing was ever asked for
        return judge(cluster, [], leftovers=0, complete=True, settled=True)
    try:
        nodes, seen = await observe_attempt(context, attempts)
    except ProviderError as error:
        return Verdict(ClusterState.UNKNOWN, error.message)
    others = sum(1 for node in seen.nodes if node.owner == attempts[-1].owner) - len(nodes)
    if nodes:
        now = context.clock.now()
        context.store.nodes.replace(cluster.name, [record_of(cluster.name, node, now) for node in nodes])
    return judge(
        cluster,
        nodes,
        leftovers=len(seen.leftovers) + others,
        complete=seen.complete,
        settled=_settled(context, attempts),
    )


async def observe_attempt(context: Context, attempts: list[AttemptRecord]) -> tuple[list[Node], Observation]:
    """The nodes of the newest of these attempts (all of one owner), and all that was seen with them."""
    newest = attempts[-1]
    account = context.clouds.get(newest.cloud, newest.account)
    await account.require_identity(newest.identity)
    seen = await account.call(account.cloud.observe, newest.prepared.scope, [newest.owner])
    first = next((a for a in attempts if a.receipt is not None), newest)
    return by_rank(seen, first), seen


def _settled(context: Context, attempts: list[AttemptRecord]) -> bool:
    newest = attempts[-1]
    if newest.state is not AttemptState.OPEN or newest.called_at is None:
        return True
    settle_after = context.clouds.get(newest.cloud, newest.account).cloud.traits.settle_after
    return (context.clock.now() - newest.called_at).total_seconds() >= settle_after


def record_verdict(context: Context, cluster: ClusterRecord, verdict: Verdict) -> ClusterRecord | None:
    """Write the verdict down, if it says anything new."""
    if verdict.state is None:
        for attempt in context.store.attempts.of(cluster.name):
            context.store.attempts.settle(attempt.token, AttemptState.CLOSED, attempt.error)
        context.tell(context.store.clusters.remove(cluster.name, verdict.reason, holder=context.holder))
        return None
    if verdict.state is cluster.state:
        return cluster
    error = None if verdict.state in (ClusterState.UP, ClusterState.STOPPED) else _explain(cluster, verdict)
    return context.move(cluster.name, verdict.state, verdict.reason, error=error)


def _explain(cluster: ClusterRecord, verdict: Verdict) -> dict[str, str]:
    return {
        "code": "cluster_not_up",
        "message": verdict.reason,
        "hint": f"`styx launch -c {cluster.name}` goes on from here, `styx down {cluster.name}` removes it.",
    }
