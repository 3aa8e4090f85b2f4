"""What a sight makes of a cluster: its state, or that it is gone, and the sentence that says why.

Pure: a record and a sight in, a verdict out, and every verdict is a legal move from the state on record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from styx.api.nodes import Cause, NodeState
from styx.engine.advice import what_next
from styx.engine.observe import Sight
from styx.store.records import AttemptRecord, ClusterRecord
from styx.store.states import ClusterState
from styx.words import count

_S = ClusterState
_NAMED = 3  # things that could not be seen, in one sentence
_BEFORE_NODES = frozenset({_S.PLANNING, _S.PROVISIONING, _S.SETTLING})
_UNFINISHED = _BEFORE_NODES | {_S.SETTING_UP, _S.STARTING}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state to record; None means gone for good, and then the record may go. ``hint`` is what to do about it.

    ``intents`` are those of which it is said, as they were before anybody looked.
    """

    state: ClusterState | None
    reason: str
    hint: str = ""
    intents: tuple[AttemptRecord, ...] = ()


def judge(cluster: ClusterRecord, sight: Sight) -> Verdict:
    """What to record, given what is there, and what to do about it."""
    verdict = _judge(cluster, sight)
    if verdict.state is None:
        return verdict
    hint = what_next(cluster, verdict.state, len(sight.nodes), rest=bool(sight.leftovers))
    return replace(verdict, hint=hint)


def _judge(cluster: ClusterRecord, sight: Sight) -> Verdict:  # noqa: PLR0911 - one line a case
    lagging = sight.complete and not sight.settled and not sight.preempted
    if cluster.state is _S.UP and lagging and len(sight.nodes) + sight.going < cluster.num_nodes:
        return Verdict(_S.UP, "what was called last may not be listed yet")
    if not sight.nodes:
        return _absent(cluster, sight)
    if cluster.state is _S.TERMINATING or (cluster.state is _S.UNKNOWN and sight.given_up):
        return Verdict(_S.TERMINATING, f"the removal was interrupted; still there: {count(len(sight.nodes), 'node')}")
    if len(sight.nodes) < cluster.num_nodes and not sight.proves_absence:
        return Verdict(
            _S.UNKNOWN, f"{len(sight.nodes)} of {count(cluster.num_nodes, 'node')} could be seen{_unseen(sight)}"
        )
    if cluster.state in _BEFORE_NODES:
        return _interrupted(cluster, sight)
    if sight.count(NodeState.STOPPED) == cluster.num_nodes:
        if lagging and cluster.state is _S.STARTING:  # they may be seen as they were before
            return Verdict(_S.STARTING, "it is not known yet what came of the start")
        by_itself = all(node.cause is Cause.SELF for node in sight.nodes)
        return Verdict(_S.STOPPED, "stopped by autostop" if by_itself else "all nodes are stopped")
    if cluster.state is _S.STOPPING:
        return Verdict(
            _S.STOPPING, f"the stop was interrupted; still running: {count(sight.count(NodeState.RUNNING), 'node')}"
        )
    if cluster.state in _UNFINISHED:
        return _interrupted(cluster, sight)
    return _in_use(cluster, sight)


def _in_use(cluster: ClusterRecord, sight: Sight) -> Verdict:
    running, wanted = sight.count(NodeState.RUNNING), cluster.num_nodes
    if running < wanted:
        stopped = sight.count(NodeState.STOPPED, NodeState.STOPPING)
        if stopped == wanted:
            return Verdict(_S.STOPPING if cluster.state in (_S.UP, _S.FAILED) else _S.STOPPED, "all nodes are stopping")
        if sight.preempted or cluster.state is _S.PREEMPTED:
            return _taken_back(sight)
        if running + sight.count(NodeState.PENDING) == wanted:
            return Verdict(_S.UNKNOWN, f"booting: {wanted - running} of {count(wanted, 'node')}")
        reason = f"running: {running} of {count(wanted, 'node')}, stopped: {stopped}"
        return Verdict(_S.FAILED, reason)
    if cluster.state is _S.FAILED or cluster.launched_at is None:
        return Verdict(_S.FAILED, f"{count(wanted, 'node')} up, but the cluster was not set up")
    return Verdict(_S.UP, "all nodes run")


def _interrupted(cluster: ClusterRecord, sight: Sight) -> Verdict:
    what = cluster.state.replace("_", " ")
    running = sight.count(NodeState.RUNNING)
    reason = f"interrupted while {what}; running: {running} of {count(cluster.num_nodes, 'node')}"
    return Verdict(_S.FAILED, reason)


def _taken_back(sight: Sight) -> Verdict:
    """Preempted, with the provider's own words where it has any."""
    what = "nodes" if sight.nodes else "the nodes"
    why = f": {sight.evidence}" if sight.evidence else ""
    return Verdict(_S.PREEMPTED, f"the provider took {what} back{why}")


def _unseen(sight: Sight) -> str:
    more = len(sight.unseen) - _NAMED
    story = "; ".join(sight.unseen[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
    return f": {story}" if story else ""


def _absent(cluster: ClusterRecord, sight: Sight) -> Verdict:  # noqa: PLR0911 - one line a case
    state = cluster.state
    removes_itself = cluster.autostop is not None and cluster.autostop.down and state in (_S.UP, _S.UNKNOWN)
    removed = state is _S.TERMINATING or (state is _S.UNKNOWN and sight.given_up)
    rest = sight.going + len(sight.leftovers)
    if rest and removed:
        return Verdict(_S.TERMINATING, "the removal is under way")
    if sight.preempted and state in (_S.UP, _S.UNKNOWN, _S.SETTING_UP, _S.PREEMPTED, _S.FAILED):
        return _taken_back(sight)
    if rest and removes_itself:
        return Verdict(_S.TERMINATING, "it is removing itself")
    if sight.complete and not sight.settled and state in (_S.PLANNING, _S.PROVISIONING, _S.SETTLING):
        return Verdict(_S.SETTLING, "it is not known yet what came of the launch")
    if not sight.proves_absence:
        return Verdict(_S.UNKNOWN, f"not everything could be looked at{_unseen(sight)}")
    if rest:
        return Verdict(_S.FAILED, f"no node is left, but {rest} other things are")
    if removed:
        return Verdict(None, "removed")
    if removes_itself:
        return Verdict(None, "removed itself by autostop")
    if state is _S.PREEMPTED:
        return _taken_back(sight)
    if state in _BEFORE_NODES or (cluster.launched_at is None and state is not _S.SETTING_UP):
        return Verdict(_S.FAILED, "interrupted before any node was made")
    return Verdict(_S.LOST, "the nodes vanished")
