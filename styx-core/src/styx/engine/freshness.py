"""Which records may be out of date. Light, because `styx status` asks before it loads anything else."""

from __future__ import annotations

from datetime import datetime

from styx.store.holder import alive
from styx.store.records import ClusterRecord
from styx.store.states import ClusterState


def needs_a_look(cluster: ClusterRecord, now: datetime, *, late: bool = False) -> bool:
    """Whether the record may be out of date: its operation was interrupted, or it may have stopped itself.

    ``late``: an intent of it is open, though nobody is at it.
    """
    busy = cluster.operation
    if busy is not None:
        return busy.expires_at <= now or not alive(busy.holder)
    return late or not cluster.state.settled or (cluster.state is ClusterState.UP and cluster.autostop is not None)
