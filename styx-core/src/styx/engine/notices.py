"""Notices of preemption: what the nodes of a spot cluster look for, and what is recorded once one has found it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from styx.api.cloud import SupportsSpot
from styx.api.errors import StoreError
from styx.engine.codec import offer_from_data
from styx.engine.context import Context
from styx.store.records import ClusterRecord
from styx.store.states import ClusterState

NOTICE = "preemption_notice"  # the kind of event, which has the node's ``rank`` and when it was told (``noticed_at``)


class Notices:
    """Those of one cluster, as its backend hears of them."""

    def __init__(self, context: Context, cluster: ClusterRecord) -> None:
        self._context = context
        self._cluster = cluster
        self._known: set[tuple[str, int]] = set()

    def command(self) -> str | None:
        """The command that succeeds on a node once it has been given notice; None where there are none."""
        cluster = self._cluster
        if not cluster.spot or not cluster.offer:
            return None
        cloud = self._context.clouds.get(cluster.cloud, cluster.account).cloud
        if not isinstance(cloud, SupportsSpot):
            return None
        return cloud.preemption_notice_command(offer_from_data(cluster.offer))

    def heard(self, rank: int, node_id: str, at: datetime) -> None:
        """Record that a node was given notice, once. What the store refuses now comes again with the next answer."""
        if (node_id, rank) in self._known:
            return
        store, name = self._context.store, self._cluster.name
        with suppress(StoreError):
            event = store.nodes.notice(name, rank, node_id, at, NOTICE)
            if event is not None:
                store.clusters.modify(name, lambda cluster: _warned(cluster, event.reason))
                self._context.tell(event, {"rank": str(rank), "noticed_at": at.isoformat()})
            self._known.add((node_id, rank))


def _warned(cluster: ClusterRecord, reason: str) -> dict[str, object]:
    """What the record of a cluster that is up says until it is known what became of it."""
    if cluster.state is not ClusterState.UP:
        return {}
    anew = f"`styx launch -c {cluster.name}` makes it anew once it is gone."
    if cluster.num_nodes > 1:
        anew = f"once it is gone, `styx down {cluster.name}` removes the others; then launch again."
    hint = f"Save what matters: {anew}"
    return {"error": {"code": "preempted", "message": reason, "hint": hint}}
