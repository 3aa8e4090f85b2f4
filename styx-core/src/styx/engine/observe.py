"""Reading observations: which node is which rank, and what that makes of the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from styx.api.nodes import Cause, Node, NodeState, Observation
from styx.store.records import AttemptRecord, ClusterRecord, NodeRecord
from styx.store.states import ClusterState


def by_rank(seen: Observation, attempt: AttemptRecord) -> list[Node]:
    """The nodes of this attempt, one for each rank. A node whose rank the provider cannot tell gets its receipt's."""
    known = {node_id: rank for rank, node_id in attempt.receipt.node_ids.items()} if attempt.receipt else {}
    nodes: dict[int, Node] = {}
    for node in seen.nodes:
        if node.owner != attempt.owner or node.state is NodeState.TERMINATING:
            continue
        rank = node.rank if node.rank is not None else known.get(node.id)
        if rank in attempt.prepared.ranks and rank not in nodes:
            nodes[rank] = node if node.rank == rank else replace(node, rank=rank)
    return [nodes[rank] for rank in sorted(nodes)]


def record_of(cluster: str, node: Node, seen_at: datetime) -> NodeRecord:
    """A node as the store keeps it."""
    return NodeRecord(
        cluster=cluster,
        rank=node.rank or 0,
        node_id=node.id,
        state=node.state,
        endpoint=node.endpoint,
        private_ip=node.private_ip or "",
        public_ip=node.public_ip or "",
        seen_at=seen_at,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an observation makes of a cluster: its state, or that it is gone, and the sentence that says why."""

    state: ClusterState | None  # None: gone for good, the record may go
    reason: str


def judge(cluster: ClusterRecord, nodes: Sequence[Node], *, leftovers: int, complete: bool, settled: bool) -> Verdict:  # noqa: PLR0911
    """What to record, given what is there. Only a complete and settled observation proves that something is not.

    ``nodes`` are those of the present attempt, at most one a rank; ``leftovers`` counts everything else of it.
    """
    running = [node for node in nodes if node.state is NodeState.RUNNING]
    stopped = [node for node in nodes if node.state in (NodeState.STOPPED, NodeState.STOPPING)]
    wanted = cluster.num_nodes
    if not nodes and not (complete and settled):
        return Verdict(ClusterState.UNKNOWN, "not everything could be looked at")
    if not nodes:
        return _absent(cluster, leftovers)
    if cluster.state is ClusterState.TERMINATING:
        return Verdict(ClusterState.TERMINATING, f"the removal was interrupted; {len(nodes)} nodes are still there")
    if len(stopped) == wanted:
        by_itself = all(node.cause is Cause.SELF for node in stopped)
        return Verdict(ClusterState.STOPPED, "stopped by autostop" if by_itself else "all nodes are stopped")
    if len(running) < wanted:
        if any(node.cause is Cause.PREEMPTED for node in nodes):
            return Verdict(ClusterState.PREEMPTED, "the provider took nodes back")
        return Verdict(ClusterState.FAILED, f"{len(running)} of {wanted} nodes run, {len(stopped)} are stopped")
    if cluster.state is ClusterState.FAILED:
        return Verdict(ClusterState.FAILED, f"all {wanted} nodes run, but the cluster was not set up")
    if cluster.state in _UNFINISHED:
        what = cluster.state.replace("_", " ")
        return Verdict(ClusterState.FAILED, f"interrupted while {what}; {len(running)} nodes run")
    return Verdict(ClusterState.UP, "all nodes run")


_UNFINISHED = frozenset(
    {
        ClusterState.PLANNING,
        ClusterState.PROVISIONING,
        ClusterState.SETTLING,
        ClusterState.SETTING_UP,
        ClusterState.STARTING,
    }
)


def _absent(cluster: ClusterRecord, leftovers: int) -> Verdict:
    if leftovers:
        return Verdict(ClusterState.FAILED, f"no node is left, but {leftovers} leftovers are")
    if cluster.state is ClusterState.TERMINATING:
        return Verdict(None, "removed")
    if cluster.state is ClusterState.UP and cluster.autostop is not None and cluster.autostop.down:
        return Verdict(None, "removed itself by autostop")
    if cluster.state in _UNFINISHED or cluster.state is ClusterState.FAILED:
        return Verdict(ClusterState.FAILED, "interrupted before any node was made")
    return Verdict(ClusterState.LOST, "the nodes vanished")
