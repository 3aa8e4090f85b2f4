"""From what was seen to what is recorded."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import Autostop, Cause, Leftover, Node, NodeState, Owner
from styx.engine.judge import judge
from styx.engine.observe import Sight
from styx.store.states import ClusterState, legal
from support.records import NOW, cluster

OWNER = Owner("abcdef", "c", "a123")
DISK = Leftover("d-1", "disk", OWNER)
LIVE = [state for state in NodeState if state is not NodeState.TERMINATING]


def node(rank: int, state: NodeState, cause: Cause = Cause.UNKNOWN) -> Node:
    """One node of the attempt."""
    return Node(f"m-{rank}", OWNER, state, rank, cause=cause)


@st.composite
def sights(draw: st.DrawFn) -> Sight:
    """Anything that may be seen of a cluster of two."""
    ranks = draw(st.sets(st.sampled_from([0, 1])))
    states, causes = st.sampled_from(LIVE), st.sampled_from(list(Cause))
    return Sight(
        nodes=tuple(node(rank, draw(states), draw(causes)) for rank in sorted(ranks)),
        surplus=draw(st.integers(0, 1)),
        going=draw(st.integers(0, 2)),
        preempted=draw(st.booleans()),
        leftovers=draw(st.sampled_from([(), (DISK,)])),
        complete=draw(st.booleans()),
        settled=draw(st.booleans()),
        given_up=draw(st.booleans()),
    )


clusters = st.builds(
    lambda state, launched, autostop: cluster("c", state, num_nodes=2, launched_at=launched, autostop=autostop),
    st.sampled_from(list(ClusterState)),
    st.sampled_from([None, NOW]),
    st.sampled_from([None, Autostop(5), Autostop(5, down=True)]),
)


@given(record=clusters, sight=sights())
def test_every_verdict_can_be_recorded(record, sight: Sight) -> None:
    """Whatever is seen in whatever state, the verdict is a legal move, or the end."""
    if record.launched_at is not None and record.state in {ClusterState.PLANNING, ClusterState.PROVISIONING}:
        return  # cleared when a launch begins
    verdict = judge(record, sight)
    assert verdict.reason
    if verdict.state is not None:
        assert legal(record.state, verdict.state), (record.state, verdict)


@given(record=clusters, sight=sights())
def test_nothing_vanishes_unseen(record, sight: Sight) -> None:
    """A record goes only when all could be seen, nothing is there, and its end was wanted."""
    verdict = judge(record, sight)
    if verdict.state is None:
        assert sight.complete
        assert sight.settled
        assert not sight.nodes
        assert not sight.going
        assert not sight.leftovers
        wanted = record.state is ClusterState.TERMINATING or sight.given_up
        assert wanted or (record.autostop is not None and record.autostop.down)
    if verdict.state is ClusterState.LOST:
        assert sight.complete
        assert sight.settled
        assert not sight.nodes


@given(record=clusters, sight=sights())
def test_up_means_that_all_run_and_were_set_up(record, sight: Sight) -> None:
    """A cluster is called up only if every rank runs, and it had been up or was never interrupted on the way.

    One that is up stays so while listings may still lag behind the last call.
    """
    lags = record.state is ClusterState.UP and sight.complete and not sight.settled
    if judge(record, sight).state is ClusterState.UP and not lags:
        assert sight.count(NodeState.RUNNING) == 2
        assert record.launched_at is not None
        assert record.state not in {ClusterState.FAILED, ClusterState.SETTING_UP, ClusterState.TERMINATING}


@given(record=clusters, sight=sights())
def test_judging_twice_is_judging_once(record, sight: Sight) -> None:
    """Seeing the same again changes nothing more, once an interruption has been named."""
    first = judge(record, sight).state
    if first in {ClusterState.UP, ClusterState.STOPPED, ClusterState.STOPPING, ClusterState.TERMINATING}:
        again = cluster("c", first, num_nodes=2, launched_at=record.launched_at or NOW, autostop=record.autostop)
        assert judge(again, sight).state in {first, None, ClusterState.UP, ClusterState.PREEMPTED}


R, S, G, P = NodeState.RUNNING, NodeState.STOPPED, NodeState.STOPPING, NodeState.PENDING
C = ClusterState


@pytest.mark.parametrize(
    ("state", "nodes", "expected", "reason"),
    [
        (C.UP, [R, R], C.UP, "all nodes run"),
        (C.UP, [S, S], C.STOPPED, "all nodes are stopped"),
        (C.UP, [G, S], C.STOPPING, "all nodes are stopping"),
        (C.UP, [R, S], C.FAILED, "running: 1 of 2 nodes, stopped: 1"),
        (C.UP, [R, P], C.UNKNOWN, "booting: 1 of 2 nodes"),
        (C.UP, [R], C.FAILED, "running: 1 of 2 nodes, stopped: 0"),
        (C.UP, [], C.LOST, "the nodes vanished"),
        (C.STOPPED, [R, R], C.UP, "all nodes run"),
        (C.STOPPED, [], C.LOST, "the nodes vanished"),
        (C.STOPPING, [R, R], C.STOPPING, "the stop was interrupted; still running: 2 nodes"),
        (C.STOPPING, [S, S], C.STOPPED, "all nodes are stopped"),
        (C.STARTING, [R, R], C.FAILED, "interrupted while starting; running: 2 of 2 nodes"),
        (C.STARTING, [S, S], C.STOPPED, "all nodes are stopped"),
        (C.SETTING_UP, [R, R], C.FAILED, "interrupted while setting up; running: 2 of 2 nodes"),
        (C.TERMINATING, [R, R], C.TERMINATING, "the removal was interrupted; still there: 2 nodes"),
        (C.TERMINATING, [], None, "removed"),
        (C.FAILED, [R, R], C.FAILED, "2 nodes up, but the cluster was not set up"),
        (C.PREEMPTED, [], C.PREEMPTED, "the provider took the nodes back"),
    ],
)
def test_a_cluster_of_two(state: C, nodes: list[NodeState], expected: C | None, reason: str) -> None:
    """Each state with each sight, in words."""
    record = cluster("c", state, num_nodes=2, launched_at=NOW)
    verdict = judge(record, Sight(nodes=tuple(node(rank, each) for rank, each in enumerate(nodes))))
    assert (verdict.state, verdict.reason) == (expected, reason)


def test_a_preemption_has_the_words_of_the_provider() -> None:
    """Whether all nodes were taken back or some."""
    record, words = cluster("c", C.UP, num_nodes=2, launched_at=NOW), "Server.SpotInstanceTermination"
    some = judge(record, Sight(nodes=(node(0, R),), going=1, evidence=words, preempted=True))
    assert (some.state, some.reason) == (C.PREEMPTED, f"the provider took nodes back: {words}")
    everything = judge(record, Sight(going=2, evidence=words, preempted=True))
    assert (everything.state, everything.reason) == (C.PREEMPTED, f"the provider took the nodes back: {words}")


def test_what_is_left_of_a_cluster_is_to_be_removed() -> None:
    """A launch goes on with all nodes or with none, and the hint says no other."""
    down, launch = "`styx down c` removes what is left; then launch again.", "`styx launch -c c` "
    for state in (C.UP, C.SETTING_UP, C.PREEMPTED):
        record = cluster("c", state, num_nodes=2, launched_at=NOW)
        assert judge(record, Sight(nodes=(node(0, R),))).hint == down
    assert judge(record, Sight(leftovers=(DISK,), preempted=True)).hint == down
    assert judge(record, Sight()).hint.startswith(f"{launch}makes it anew, `styx down c` ")
    assert judge(cluster("c", C.SETTING_UP, num_nodes=1), Sight(nodes=(node(0, R),))).hint.startswith(
        f"{launch}goes on"
    )


def test_autostop_is_recognised() -> None:
    """A cluster whose nodes stopped themselves was stopped by autostop; one with --down that is gone removed itself."""
    record = cluster("c", C.UP, launched_at=NOW, autostop=Autostop(5, down=True))
    assert judge(record, Sight(nodes=(node(0, S, Cause.SELF),))).reason == "stopped by autostop"
    assert judge(record, Sight(going=1)).state is C.TERMINATING
    assert judge(record, Sight()).state is None


def test_what_is_taken_back_has_not_removed_itself() -> None:
    """Also where it would have in time, and something of it is left; but what was being removed is removed."""
    policy = Autostop(5, down=True)
    record = cluster("c", C.UP, launched_at=NOW, autostop=policy)
    for seen in (Sight(going=1, preempted=True), Sight(leftovers=(DISK,), preempted=True), Sight(preempted=True)):
        assert judge(record, seen).state is C.PREEMPTED
    removed = cluster("c", C.TERMINATING, launched_at=NOW, autostop=policy)
    assert judge(removed, Sight(going=1, preempted=True)).state is C.TERMINATING


@pytest.mark.parametrize(("complete", "settled"), [p for p in product([True, False], repeat=2) if not all(p)])
@pytest.mark.parametrize("state", [C.UP, C.STOPPED, C.TERMINATING, C.FAILED, C.UNKNOWN])
def test_what_cannot_be_seen_is_unknown(state: C, complete: bool, settled: bool) -> None:
    """Absence from a partial or too early observation proves nothing; what is up passes for up while listings lag."""
    record = cluster("c", state, launched_at=NOW, autostop=Autostop(1, down=True))
    lags = state is C.UP and complete
    assert judge(record, Sight(complete=complete, settled=settled)).state is (C.UP if lags else C.UNKNOWN)


def test_a_removal_is_remembered_through_blindness() -> None:
    """A cluster that was being removed and was lost sight of does not come back as up."""
    record = cluster("c", C.UNKNOWN, launched_at=NOW)
    assert judge(record, Sight(nodes=(node(0, R),), given_up=True)).state is C.TERMINATING
    assert judge(record, Sight(given_up=True)).state is None
    assert judge(record, Sight(nodes=(node(0, R),))).state is C.UP


def test_stopped_nodes_are_no_end_of_a_start_that_was_asked_for_a_moment_ago() -> None:
    """A list that is behind shows them as they were; once it cannot be, they are what they are shown to be."""
    record = cluster("c", ClusterState.STARTING, num_nodes=2, launched_at=NOW)
    nodes = tuple(node(rank, NodeState.STOPPED) for rank in (0, 1))
    verdict = judge(record, Sight(nodes=nodes, settled=False))
    assert (verdict.state, verdict.reason) == (ClusterState.STARTING, "it is not known yet what came of the start")
    assert judge(record, Sight(nodes=nodes)).state is ClusterState.STOPPED
