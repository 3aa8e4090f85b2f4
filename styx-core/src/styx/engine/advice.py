"""What to do next about a cluster that is not up: one rule for the record, the commands and the errors."""

from __future__ import annotations

from styx.api.errors import ClusterNotFound, ClusterNotUp
from styx.engine.context import Context
from styx.store.records import ClusterRecord, Operation
from styx.store.states import ClusterState

_S = ClusterState
_OF_A_LOOK = frozenset({_S.UNKNOWN, _S.PREEMPTED, _S.LOST, _S.FAILED})


def what_next(cluster: ClusterRecord, state: ClusterState, nodes: int | None = None, *, rest: bool = False) -> str:
    """The hint for this state of the cluster. ``nodes`` are left of it (None: it is not known), and with ``rest`` more.

    A launch goes on with all nodes, and with none; what is left in between may hold files, and only the user says
    that it may go.
    """
    name = cluster.name
    hints = {
        _S.UP: "",
        _S.STOPPED: f"`styx start {name}` brings it back.",
        _S.STARTING: f"`styx start {name}` goes on, `styx down {name}` removes it.",
        _S.STOPPING: f"`styx stop {name}` finishes that, `styx start {name}` turns it back.",
        _S.TERMINATING: f"`styx down {name}` finishes the removal.",
        _S.UNKNOWN: f"`styx status -r {name}` looks again.",
    }
    if state in hints:
        return hints[state]
    if nodes is not None and (0 < nodes < cluster.num_nodes or (nodes == 0 and rest)):
        return down_first(name)
    if state is _S.LOST or nodes == 0:
        return f"`styx launch -c {name}` makes it anew, `styx down {name}` drops its record."
    return f"`styx launch -c {name}` goes on, `styx down {name}` removes it."


def down_first(name: str) -> str:
    """The hint where something is left that no launch goes on with."""
    return f"`styx down {name}` removes what is left; then launch again."


def on_record(context: Context, cluster: ClusterRecord) -> str:
    """The hint for the cluster as it is on record: what the last look has said, if it speaks of the present state."""
    error = cluster.error or {}
    if cluster.state in _OF_A_LOOK and error.get("code") == ClusterNotUp.code and error.get("hint"):
        return str(error["hint"])
    nodes = len(context.store.nodes.of(cluster.name))  # as many as there were, where all have gone at once
    return what_next(cluster, cluster.state, nodes if nodes < cluster.num_nodes else None)


def not_up(context: Context, cluster: ClusterRecord, busy: Operation | None = None) -> ClusterNotUp:
    """The error for work on a cluster that is not up: why, as far as is on record, and what to do about it.

    ``busy`` is what another client is doing to it right now.
    """
    hint = on_record(context, cluster)
    if busy is not None:
        who = f"process {busy.holder.pid} on {busy.holder.host}"
        hint = f"{who} is busy with it ({busy.kind}): wait until that is done."
    why = (cluster.error or {}).get("message")
    how = f"is {cluster.state.replace('_', ' ')}, not up"
    if cluster.state is _S.FAILED:
        how = "has failed and is not up"
    return ClusterNotUp(
        f"cluster {cluster.name!r} {how}{f': {why}' if why else ''}",
        hint=hint,
        cluster=cluster.name,
        state=cluster.state.value,
    )


def removed_itself(name: str) -> ClusterNotFound:
    """The error for work on a cluster that a look has found gone."""
    return ClusterNotFound(f"cluster {name!r} is gone: it removed itself", cluster=name)
