"""Reading observations: which node is which rank."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from styx.api.nodes import Cause, Leftover, Node, NodeState, Observation
from styx.engine.papers import Papers
from styx.store.records import NodeRecord


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of one attempt.

    ``nodes`` holds at most one a rank, sorted; ``surplus`` is other live nodes, ``going`` counts those being removed.
    Only a ``complete`` and ``settled`` sight proves that something is not there.
    """

    nodes: tuple[Node, ...] = ()
    surplus: tuple[Node, ...] = ()
    going: int = 0
    evidence: str = ""  # what the provider says of those that are going
    preempted: bool = False  # the provider says so, or what was given notice is gone
    leftovers: tuple[Leftover, ...] = ()
    unseen: tuple[str, ...] = ()  # what could not be looked at, each with the reason
    complete: bool = True
    settled: bool = True
    given_up: bool = False  # the attempt is a tombstone: what is there should not be

    @property
    def proves_absence(self) -> bool:
        """Whether what is not in it is not there."""
        return self.complete and self.settled

    def count(self, *states: NodeState) -> int:
        """How many nodes are in one of these states."""
        return sum(1 for node in self.nodes if node.state in states)


def sight(
    seen: Observation,
    papers: Papers,
    *,
    settled: bool = True,
    kept: Collection[str] = (),
    noticed: Collection[str] = (),
) -> Sight:
    """What this observation shows of the attempt. Of several nodes of a rank, one in ``kept`` counts: it is in use.

    ``noticed`` are the nodes that were given notice of their preemption.
    """
    mine = papers.mine(seen)
    live = [node for node in mine if node.state is not NodeState.TERMINATING]
    nodes = _one_a_rank(live, papers, kept)
    chosen = {node.id for node in nodes}
    return Sight(
        nodes=nodes,
        surplus=tuple(node for node in live if node.id not in chosen),
        going=len(mine) - len(live),
        evidence="; ".join(sorted({n.evidence for n in mine if n.state is NodeState.TERMINATING and n.evidence})),
        preempted=any(node.cause is Cause.PREEMPTED for node in mine)
        or any(_taken(node_id, mine, gone=seen.complete and settled) for node_id in noticed),
        leftovers=tuple(papers.rest(seen)),
        unseen=seen.unreachable,
        complete=seen.complete,
        settled=settled,
        given_up=papers.given_up,
    )


def _taken(noticed: str, mine: Sequence[Node], *, gone: bool) -> bool:
    """Whether a node that was given notice has been taken back: it ends by nobody else's doing, or is not there."""
    for node in mine:
        if node.id == noticed:
            return node.state is NodeState.TERMINATING and node.cause not in (Cause.USER, Cause.SELF)
    return gone


def _one_a_rank(live: list[Node], papers: Papers, kept: Collection[str]) -> tuple[Node, ...]:
    """A node for each rank as far as there are any; of several, one that is in use, or one that a receipt names.

    A node whose rank the provider cannot tell has its receipt's, or else the lowest that is free, by order of id.
    """
    known = papers.node_ids
    ranks: dict[int, Node] = {}
    rankless: list[Node] = []
    for node in sorted(live, key=lambda node: (node.id not in kept, node.id not in known, node.id)):
        rank = node.rank if node.rank is not None else known.get(node.id)
        if rank is None:
            rankless.append(node)
        elif (rank in papers.ranks or papers.recovered) and rank not in ranks:
            ranks[rank] = replace(node, rank=rank, owner=papers.owner)
    asked = (*papers.ranks, *range(len(live))) if papers.recovered else papers.ranks
    free = [rank for rank in dict.fromkeys(asked) if rank not in ranks]
    for rank, node in zip(free, rankless, strict=False):
        ranks[rank] = replace(node, rank=rank, owner=papers.owner)
    return tuple(ranks[rank] for rank in sorted(ranks))


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
