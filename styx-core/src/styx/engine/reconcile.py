"""Making the record say what is there, after an interruption or when the cluster may have stopped itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from styx.api.errors import BadInput, ClusterBusy, ClusterNotFound, PluginError, ProviderError
from styx.engine.context import Context
from styx.engine.judge import Verdict, judge
from styx.engine.observe import Sight, record_of, sight
from styx.engine.operation import LOOK, operation
from styx.engine.provision import has_settled, remove
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord
from styx.store.states import ClusterState


async def reconcile(context: Context, name: str) -> ClusterRecord | None:
    """Look at a cluster and record what is there; None when it is gone. Leaves one that somebody works on alone."""
    try:
        async with operation(context, name, LOOK) as cluster:
            return record_verdict(context, cluster, await look(context, cluster))
    except ClusterBusy:
        return context.store.clusters.get(name)
    except ClusterNotFound:
        return None


async def look(context: Context, cluster: ClusterRecord) -> Verdict:
    """Observe the cluster's present attempt and judge. What cannot be asked is UNKNOWN, with the reason."""
    attempts = current(context, cluster)
    if not attempts:  # nothing was ever asked for
        return judge(cluster, Sight())
    try:
        found = await see(context, attempts)
    except (ProviderError, PluginError, BadInput) as error:  # also a plugin that is gone or no longer allowed
        return Verdict(ClusterState.UNKNOWN, error.message)
    if found.nodes:
        now = context.clock.now()
        context.store.nodes.replace(cluster.name, [record_of(cluster.name, node, now) for node in found.nodes])
    return judge(cluster, found)


def current(context: Context, cluster: ClusterRecord) -> list[AttemptRecord]:
    """The attempts behind the cluster's present nodes, oldest first: one launch, and any starts since."""
    if not cluster.attempt:
        return []
    return [a for a in context.store.attempts.of(cluster.name) if a.owner.attempt == cluster.attempt]


async def see(context: Context, attempts: Sequence[AttemptRecord]) -> Sight:
    """What there is of these attempts, which have one owner. Raises WrongAccount with other credentials than theirs."""
    newest = attempts[-1]
    account = context.clouds.get(newest.cloud, newest.account)
    await account.require_identity(newest.identity)
    seen = await account.call(account.cloud.observe, newest.prepared.scope, [newest.owner])
    answered = next((a for a in attempts if a.receipt is not None), newest)
    return sight(
        seen,
        answered,
        settled=newest.state is not AttemptState.OPEN or has_settled(context, account, attempts),
        given_up=newest.state is AttemptState.TOMBSTONE,
    )


def record_verdict(context: Context, cluster: ClusterRecord, verdict: Verdict) -> ClusterRecord | None:
    """Write the verdict down, if it says anything new."""
    if verdict.state is None:
        for attempt in context.store.attempts.of(cluster.name):
            if attempt.owner.attempt == cluster.attempt:
                context.store.attempts.settle(attempt.token, AttemptState.CLOSED, attempt.error)
            elif attempt.state is not AttemptState.CLOSED:  # this one was not looked at
                context.store.attempts.settle(attempt.token, AttemptState.TOMBSTONE, attempt.error)
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


async def sweep(context: Context) -> None:
    """Remove what has turned up of attempts that were given up and that no cluster on record stands for any more.

    Best effort: what cannot be asked or does not go at once stays a tombstone, for the next time.
    """
    for attempt in context.store.attempts.tombstones():
        cluster = context.store.clusters.get(attempt.cluster)
        if cluster is not None and cluster.attempt in ("", attempt.owner.attempt):
            continue  # whoever works on the cluster next removes it
        with suppress(ProviderError, PluginError, BadInput):
            account = context.clouds.get(attempt.cloud, attempt.account)
            await remove(context, account, [attempt], _quietly, patience=0.0)


def _quietly(phase: str, sentence: str) -> None:
    del phase, sentence
