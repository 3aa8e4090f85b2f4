"""The life of an attempt."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styx.api.errors import StoreError
from styx.api.launch import Receipt
from styx.store import Store
from styx.store.records import AttemptState
from support.records import NOW, attempt


def state_of(store: Store, token: str) -> AttemptState:
    """The state on record."""
    return next(a.state for a in store.attempts.of("c") if a.token == token)


def test_an_intent_is_open_until_it_is_settled(store: Store) -> None:
    """Open attempts are listed as such; adding one again while it is open keeps what is known of it."""
    store.attempts.add(attempt())
    store.attempts.called("t", NOW)
    store.attempts.receipt("t", Receipt("t", {0: "m-1"}))
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
    store.attempts.receipt("t", Receipt("t", {0: "m-1"}))
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
    store.attempts.receipt("t", Receipt("t", {0: "m-1"}))  # a late answer is evidence of what must die
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
        lambda: store.attempts.receipt("nope", Receipt("nope", {})),
        lambda: store.attempts.settle("nope", AttemptState.CLOSED),
    ):
        with pytest.raises(StoreError, match="no attempt nope"):
            change()


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
