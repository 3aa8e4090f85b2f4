"""The life of an attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styx.api.errors import ClusterBusy, StoreError
from styx.api.launch import Receipt
from styx.store import Store
from styx.store.records import AttemptState, Operation
from support.records import HOLDER, NOW, attempt, cluster


def state_of(store: Store, token: str) -> AttemptState:
    """The state on record."""
    return next(a.state for a in store.attempts.of("c") if a.token == token)


def test_an_intent_is_open_until_it_is_settled(store: Store) -> None:
    """Open attempts are listed as such; adding one again while it is open keeps what is known of it."""
    store.attempts.add(attempt())
    store.attempts.called("t", NOW)
    store.attempts.answered(attempt(), Receipt("t", {0: "m-1"}), NOW, HOLDER)
    store.attempts.add(attempt())
    (found,) = store.attempts.open()
    assert found.called_at == NOW
    assert found.receipt == Receipt("t", {0: "m-1"})
    store.attempts.settle("t", AttemptState.SETTLED)
    assert store.attempts.open() == []


def test_the_same_start_can_be_wanted_again(store: Store) -> None:
    """An attempt that ended is opened anew by the same intent, without the old answer and times."""
    store.attempts.add(attempt())
    store.attempts.called("t", NOW)
    store.attempts.answered(attempt(), Receipt("t", {0: "m-1"}), NOW, HOLDER)
    store.attempts.settle("t", AttemptState.SETTLED)
    store.attempts.add(attempt(created_at=NOW + timedelta(hours=1)))
    (found,) = store.attempts.open()
    assert (found.receipt, found.called_at, found.created_at) == (None, None, NOW + timedelta(hours=1))


def test_what_was_given_up_is_never_asked_for_again(store: Store) -> None:
    """A tombstone cannot be opened, called or settled otherwise than by closing it."""
    store.attempts.add(attempt())
    store.attempts.settle("t", AttemptState.TOMBSTONE)
    for forbidden in (
        lambda: store.attempts.add(attempt()),
        lambda: store.attempts.called("t", NOW),
        lambda: store.attempts.settle("t", AttemptState.OPEN),
        lambda: store.attempts.settle("t", AttemptState.SETTLED),
    ):
        with pytest.raises(StoreError):
            forbidden()
    assert state_of(store, "t") is AttemptState.TOMBSTONE
    # A late answer is evidence of what must die.
    assert not store.attempts.answered(attempt(), Receipt("t", {0: "m-1"}), NOW, HOLDER)
    store.attempts.settle("t", AttemptState.CLOSED)
    assert state_of(store, "t") is AttemptState.CLOSED


def test_a_token_belongs_to_one_cluster(store: Store) -> None:
    """Another cluster cannot take an attempt over."""
    store.attempts.add(attempt())
    with pytest.raises(StoreError, match="cannot be opened"):
        store.attempts.add(attempt(cluster="d"))


def test_unknown_tokens_are_errors(store: Store) -> None:
    """Nothing can be noted of an attempt that was not committed first."""
    for change in (
        lambda: store.attempts.called("nope", NOW),
        lambda: store.attempts.settle("nope", AttemptState.SETTLED),
    ):
        with pytest.raises(StoreError, match="no attempt nope"):
            change()
    store.attempts.settle("nope", AttemptState.CLOSED)  # it went together with its cluster


def test_tombstones_by_account(store: Store) -> None:
    """What was given up is found by cloud and account."""
    for token, cloud, account in (("a", "x", "one"), ("b", "x", "two"), ("c", "y", "one")):
        store.attempts.add(attempt(token, cloud=cloud, account=account))
        store.attempts.settle(token, AttemptState.TOMBSTONE, {"code": "transient", "message": token})
    assert [a.token for a in store.attempts.tombstones()] == ["a", "b", "c"]
    assert [a.token for a in store.attempts.tombstones("x")] == ["a", "b"]
    assert [a.token for a in store.attempts.tombstones("x", "two")] == ["b"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=st.lists(st.sampled_from([*AttemptState, "add"]), max_size=8), token=st.uuids().map(str))
def test_no_sequence_brings_a_tombstone_back(store: Store, wishes: list[object], token: str) -> None:
    """Whatever is tried in whatever order, a tombstone is followed by nothing but tombstone and closed."""
    store.attempts.add(attempt(token)) if token not in {a.token for a in store.attempts.of("c")} else None
    seen = [state_of(store, token)]
    for wish in wishes:
        try:
            if wish == "add":
                store.attempts.add(attempt(token))
            else:
                store.attempts.settle(token, AttemptState(wish))
        except StoreError:
            pass
        seen.append(state_of(store, token))
    for before, after in pairwise(seen):
        if before is AttemptState.TOMBSTONE:
            assert after in {AttemptState.TOMBSTONE, AttemptState.CLOSED}


def test_an_answer_that_comes_after_the_cluster_was_lost(store: Store) -> None:
    """Both answers to one call count, and what the second made is looked for: its intent is open."""
    other = replace(HOLDER, id="fedcba9876543210")
    store.clusters.create(cluster("c", operation=Operation("launch", other, NOW + timedelta(hours=1))))
    store.attempts.add(attempt("t"))
    assert store.attempts.answered(attempt("t"), Receipt("t", {0: "m-1"}), NOW, other)
    store.attempts.settle("t", AttemptState.SETTLED)
    assert store.attempts.answered(attempt("t"), Receipt("t", {0: "m-2"}), NOW, HOLDER)
    first, second = store.attempts.of("c")
    assert [dict(each.receipt.node_ids) for each in (first, second) if each.receipt] == [{0: "m-1"}, {0: "m-2"}]
    assert second.state is AttemptState.OPEN
    assert store.attempts.late() == {"c"}


def test_an_intent_is_fenced_by_the_claim(store: Store) -> None:
    """Who has lost the cluster can neither call for it nor note what became of an attempt."""
    store.clusters.create(cluster("c", operation=None))
    store.attempts.add(attempt("t"))
    for change in (
        lambda: store.attempts.add(attempt("u"), holder=HOLDER),
        lambda: store.attempts.called("t", NOW, holder=HOLDER),
        lambda: store.attempts.settle("t", AttemptState.TOMBSTONE, holder=HOLDER),
    ):
        with pytest.raises(ClusterBusy, match="was lost to another client"):
            change()
    assert [each.state for each in store.attempts.of("c")] == [AttemptState.OPEN]
