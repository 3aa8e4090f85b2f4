"""The table of states."""

from __future__ import annotations

from itertools import product

import pytest

from styx.api.errors import StoreError
from styx.store import Store
from styx.store.states import TRANSITIONS, ClusterState, legal
from support.records import cluster

PAIRS = list(product(ClusterState, ClusterState))


def test_every_state_has_its_row() -> None:
    """No state is missing from the table, and no row leads to something that is not a state."""
    assert set(TRANSITIONS) == set(ClusterState)
    assert set().union(*TRANSITIONS.values()) <= set(ClusterState)


@pytest.mark.parametrize("state", list(ClusterState))
def test_any_cluster_may_be_removed_or_lost_sight_of(state: ClusterState) -> None:
    """The user may always say down, and what was seen may always stop being seen."""
    assert legal(state, ClusterState.TERMINATING)
    assert legal(state, ClusterState.UNKNOWN)
    assert legal(state, state)


def test_a_removal_is_not_turned_back() -> None:
    """From terminating there is no way back to a cluster that can be used."""
    assert TRANSITIONS[ClusterState.TERMINATING] == {
        ClusterState.TERMINATING,
        ClusterState.UNKNOWN,
        ClusterState.FAILED,
    }


def test_every_state_can_be_reached_and_left() -> None:
    """Starting from planning, every state comes about, and none is a dead end."""
    reached, frontier = {ClusterState.PLANNING}, [ClusterState.PLANNING]
    while frontier:
        new = TRANSITIONS[frontier.pop()] - reached
        reached |= new
        frontier += new
    assert reached == set(ClusterState)
    assert all(TRANSITIONS[state] - {state} for state in ClusterState)


def test_the_store_makes_legal_moves_and_refuses_all_others(store: Store) -> None:
    """For every pair of states the store does what the table says, and a refused move changes nothing."""
    for number, (before, after) in enumerate(PAIRS):
        name = f"c{number}"
        store.clusters.create(cluster(name, before))
        if legal(before, after):
            record, event = store.clusters.transition(name, after, reason="because")
            assert (record.state, event.from_state, event.to_state, event.reason) == (after, before, after, "because")
        else:
            with pytest.raises(StoreError, match=f"cannot go from {before} to {after}"):
                store.clusters.transition(name, after, task_name="changed")
            kept = store.clusters.get(name)
            assert kept is not None
            assert (kept.state, kept.task_name) == (before, "")
            assert [e.kind for e in store.events.of(name)] == ["created"]
