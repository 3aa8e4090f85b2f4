"""Launch: a cluster that is up and fits the task, new or from where an interrupted launch was left."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from styx.api.errors import ClusterNotFound
from styx.api.names import slug
from styx.engine.advice import not_up
from styx.engine.context import Context, Progress
from styx.engine.handle import Handle
from styx.engine.lifecycle import down
from styx.engine.obtain import Wish, make, plan_machines
from styx.engine.operation import LEASE_SECONDS, operation, renewing
from styx.engine.reconcile import look, record_verdict, refuse_strangers
from styx.engine.reuse import reuse
from styx.store.records import ClusterRecord, Operation
from styx.store.states import ClusterState


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
                return await reuse(context, wish, seen, progress)
    found = await plan_machines(context, wish, progress)
    context.store.clusters.create(_new_record(context, wish))
    async with renewing(context, wish.cluster):
        return await make(context, wish, found, progress), True


async def _as_it_is(context: Context, cluster: ClusterRecord) -> ClusterRecord | None:
    """The record after a look, where one can help; None when the cluster has removed itself meanwhile."""
    if cluster.state not in (ClusterState.UP, ClusterState.UNKNOWN, ClusterState.SETTING_UP):
        return cluster
    await refuse_strangers(context, cluster)
    seen = record_verdict(context, cluster, await look(context, cluster))
    if seen is not None and seen.state in (ClusterState.UNKNOWN, ClusterState.TERMINATING):
        raise not_up(context, seen)
    return seen


def _new_record(context: Context, wish: Wish) -> ClusterRecord:
    now = context.store.now()
    return ClusterRecord(
        name=wish.cluster,
        slug=slug(wish.cluster),
        state=ClusterState.PLANNING,
        created_at=now,
        updated_at=now,
        num_nodes=wish.task.num_nodes,
        backend=context.backend.name,
        task_name=wish.task.name or "",
        user=context.user,
        operation=Operation("launch", context.holder, now + timedelta(seconds=LEASE_SECONDS)),
    )
