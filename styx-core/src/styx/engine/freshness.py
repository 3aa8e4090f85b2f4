"""Which records may be out of date. Light, because `styx status` asks before it loads anything else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from styx.store.holder import alive
from styx.store.records import ClusterRecord, NodeRecord
from styx.store.states import ClusterState


def needs_a_look(cluster: ClusterRecord, now: datetime, *, late: bool = False) -> bool:
    """Whether the record may be out of date: its operation was interrupted, or it may have stopped itself.

    Or it may have been taken back, as was announced. ``late``: an intent of it is open, though nobody is at it.
    """
    busy = cluster.operation
    if busy is not None:
        return busy.expires_at <= now or not alive(busy.holder)
    if late or not cluster.state.settled:
        return True
    return cluster.state is ClusterState.UP and (cluster.autostop is not None or cluster.error is not None)


def misplaced(nodes: Iterable[NodeRecord], home: Path) -> bool:
    """Whether nodes on this machine are on record as living outside this home.

    Then it was moved or copied, and in a copy the record tells of the original's. Elsewhere a copy has the same
    machines, and so much the same say in what becomes of them.
    """
    ends = [node.endpoint for node in nodes if node.endpoint is not None and node.endpoint.kind == "process"]
    return any(not Path(end.options.get("home", "")).is_relative_to(home) for end in ends)
