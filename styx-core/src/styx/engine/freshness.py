"""Which records may be out of date. Light, because `styx status` asks before it loads anything else."""

from __future__ import annotations

from styx.store.holder import alive
from styx.store.records import ClusterRecord
from styx.store.states import ClusterState


def needs_a_look(cluster: ClusterRecord) -> bool:
    """Whether the record may be out of date: its operation was interrupted, or it may have stopped itself."""
    if cluster.operation is not None and alive(cluster.operation.holder):
        return False
    return not cluster.state.settled or (cluster.state is ClusterState.UP and cluster.autostop is not None)
