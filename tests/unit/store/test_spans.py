"""What clusters are billed for: noted with every change of state, by their price, and never twice at one time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.launch import Receipt
from styx.store import Store
from styx.store.records import AttemptState, NodeRecord, Span
from styx.store.states import TRANSITIONS, ClusterState
from support.records import HOLDER, NOW, attempt, cluster, relaxed

S = ClusterState
PRICE = Decimal("0.10")
BOUGHT = {"cloud": "acme", "account": "dev", "attempt": "a123", "hourly_cost": PRICE}
UP = {**BOUGHT, "launched_at": NOW}


@pytest.fixture
def planned(store: Store) -> Store:
    """A store with a cluster for which nothing was asked yet."""
    store.clusters.create(cluster("c", S.PLANNING))
    return store


def told(store: Store) -> list[tuple[str, Decimal | None, float | None]]:
    """Each span: what was billed, at which price, for how many seconds; None where it goes on."""
    return [
        (s.billing, s.hourly_cost, None if s.ended_at is None else (s.ended_at - s.began_at).total_seconds())
        for s in store.spans.since()
    ]


def answered(store: Store, cluster_name: str = "c") -> None:
    """Let the provider have made something for the present attempt."""
    store.attempts.add(attempt("t", cluster_name))
    store.attempts.answered(attempt("t", cluster_name), Receipt("t", {0: "i-1"}), NOW, HOLDER)


def test_a_life(planned: Store, clock: Any) -> None:
    """From the moment its machines are asked for until it is gone; while it is stopped, its disks."""
    clusters = planned.clusters
    clusters.transition("c", S.PROVISIONING, **BOUGHT)
    for state in (S.SETTING_UP, S.UP, S.STOPPING):
        clock.advance(10)
        clusters.transition("c", state, **({"launched_at": NOW} if state is S.UP else {}))
    clusters.update("c", disk_hourly_cost=Decimal("0.01"))
    clock.advance(10)
    clusters.transition("c", S.STOPPED)
    clock.advance(100)
    clusters.transition("c", S.STARTING)
    clock.advance(5)
    clusters.transition("c", S.UP)
    assert [span.cluster for span in planned.spans.going_on()] == ["c"]
    clusters.transition("c", S.TERMINATING)
    clock.advance(5)
    clusters.remove("c", "removed")
    assert told(planned) == [("full", PRICE, 40), ("disk_only", Decimal("0.01"), 100), ("full", PRICE, 10)]
    assert planned.spans.going_on() == []


def test_disks_of_which_nobody_said_what_they_cost(planned: Store) -> None:
    """They are not billed: no price is made up."""
    for state in (S.PROVISIONING, S.SETTING_UP, S.UP, S.STOPPED):
        planned.clusters.transition("c", state, **BOUGHT)
    assert planned.spans.going_on() == []


def test_what_cannot_be_seen_is_billed_as_before(planned: Store) -> None:
    """A cluster that was up goes on in full, one that was stopped for its disks, and one that was lost for nothing."""
    clusters = planned.clusters
    clusters.transition("c", S.PROVISIONING, **BOUGHT)
    clusters.transition("c", S.SETTING_UP)
    for state, billing in ((S.UP, "full"), (S.STOPPED, "disk_only"), (S.LOST, None)):
        clusters.transition("c", state, disk_hourly_cost=Decimal("0.01"))
        clusters.transition("c", S.UNKNOWN)
        assert [span.billing for span in planned.spans.going_on()] == ([billing] if billing else [])


def test_a_place_that_gave_nothing_was_not_billed(planned: Store, clock: Any) -> None:
    """An attempt that the provider refused leaves no cost behind; one that it took does, though it was given up."""
    clusters = planned.clusters
    clusters.transition("c", S.PROVISIONING, **BOUGHT)
    clock.advance(5)
    clusters.transition("c", S.PLANNING)
    assert told(planned) == []
    clusters.transition("c", S.PROVISIONING, **BOUGHT)
    answered(planned)
    clock.advance(5)
    clusters.transition("c", S.PLANNING)
    assert told(planned) == [("full", PRICE, 5)]
    clusters.transition("c", S.PROVISIONING, **{**BOUGHT, "attempt": "b456"})
    clusters.transition("c", S.TERMINATING)
    clusters.remove("c", "refused")
    assert told(planned) == [("full", PRICE, 5)]


def test_a_failed_cluster_is_billed_while_something_of_it_is_there(planned: Store) -> None:
    """Nodes that were seen, or machines that were answered and not seen to go, cost on; else nothing does."""
    clusters = planned.clusters
    clusters.transition("c", S.PROVISIONING, **BOUGHT)
    clusters.transition("c", S.FAILED)
    assert told(planned) == []
    clusters.transition("c", S.PROVISIONING)
    answered(planned)
    clusters.transition("c", S.FAILED)
    assert len(planned.spans.going_on()) == 1
    planned.attempts.settle("t", AttemptState.CLOSED)
    clusters.transition("c", S.FAILED)
    assert planned.spans.going_on() == []
    clusters.transition("c", S.SETTING_UP)
    planned.nodes.replace("c", [NodeRecord("c", 0, "i-1", "running")])
    clusters.transition("c", S.FAILED)
    assert len(planned.spans.going_on()) == 1


def test_what_a_launch_could_not_look_at_again_is_billed(planned: Store) -> None:
    """It was answered, other places were thought of and none was left: what it has may still be there."""
    clusters = planned.clusters
    clusters.transition("c", S.PROVISIONING, **BOUGHT)
    answered(planned)
    clusters.transition("c", S.PLANNING)
    clusters.transition("c", S.FAILED)
    assert [span.hourly_cost for span in planned.spans.going_on()] == [PRICE]


def nodes(count: int) -> list[NodeRecord]:
    """The first nodes of the cluster."""
    return [NodeRecord("c", rank, f"i-{rank}", "running") for rank in range(count)]


@pytest.mark.parametrize("state", [S.FAILED, S.PREEMPTED])
def test_nodes_that_have_gone_are_not_billed(planned: Store, state: S) -> None:
    """Of a cluster that is left in part the others are, also once it cannot be seen, and in full when all run again."""

    def billed() -> list[Decimal | None]:
        return [span.hourly_cost for span in planned.spans.going_on()]

    clusters = planned.clusters
    clusters.transition("c", S.PROVISIONING, **BOUGHT, num_nodes=4, request={"ports": []})
    clusters.transition("c", S.SETTING_UP)
    clusters.transition("c", S.UP)
    planned.nodes.replace("c", nodes(3))
    assert billed() == [PRICE]  # until that is judged
    clusters.transition("c", state)
    assert billed() == [3 * PRICE / 4]
    planned.nodes.replace("c", nodes(1))
    assert billed() == [PRICE / 4]
    for unsure in (S.UNKNOWN, S.TERMINATING):
        clusters.transition("c", unsure)
        assert billed() == [PRICE / 4]
    clusters.transition("c", S.FAILED)
    planned.nodes.replace("c", nodes(4))
    assert billed() == [PRICE]


def test_a_new_price_begins_a_new_span(planned: Store, clock: Any) -> None:
    """What was billed so far stays at the old one; the same price again changes nothing."""
    planned.clusters.transition("c", S.PROVISIONING, **BOUGHT)
    answered(planned)
    clock.advance(10)
    planned.clusters.update("c", hourly_cost=PRICE)
    planned.clusters.update("c", hourly_cost=Decimal("0.30"), task_name="t")
    clock.advance(10)
    planned.clusters.transition("c", S.SETTING_UP)
    assert told(planned) == [("full", PRICE, 10), ("full", Decimal("0.30"), None)]


def test_a_cluster_that_was_taken_up_again(store: Store) -> None:
    """One that is put on record as it was found is billed from its launch on, where that is known, or else from now."""
    launches = {"known": NOW - timedelta(hours=2), "unknown": None, "ahead": NOW + timedelta(hours=2)}
    for name, launched in launches.items():
        store.clusters.create(cluster(name, S.UNKNOWN, **BOUGHT, launched_at=launched))
    assert [(s.account, s.hourly_cost, s.began_at - NOW) for s in store.spans.going_on()] == [
        ("dev", PRICE, timedelta(hours=-2)), ("dev", PRICE, timedelta(0)), ("dev", PRICE, timedelta(0)),
    ]  # fmt: skip


def test_two_of_one_name(store: Store, clock: Any) -> None:
    """They are told apart by when they were made."""
    for _ in range(2):
        store.clusters.create(cluster("c", S.UP, created_at=clock.time, **UP))
        clock.advance(10)
        store.clusters.remove("c", "")
    assert len({span.born for span in store.spans.since()}) == 2


def test_spans_of_the_last_days(store: Store, clock: Any) -> None:
    """What ended before does not count, what goes on does, however long ago it began."""
    for name in ("old", "long", "new"):
        store.clusters.create(cluster(name, S.UP, **UP))
    clock.advance(10)
    store.clusters.remove("old", "")
    since = clock.time
    clock.advance(10)
    store.clusters.remove("new", "")
    assert [span.cluster for span in store.spans.since(since)] == ["long", "new"]


def test_a_change_that_is_not_within_changes_nothing(planned: Store) -> None:
    """The check is told what the cluster would be and what the others cost; when it raises, nothing is written."""
    planned.clusters.create(cluster("other", S.UP, **UP))
    seen: list[tuple[object, list[str]]] = []

    def check(after: Any, billed: Any) -> None:
        seen.append(((after.state, after.hourly_cost), [span.cluster for span in billed.going_on()]))
        raise LookupError("no")

    with pytest.raises(LookupError):
        planned.clusters.transition("c", S.PROVISIONING, within=check, **BOUGHT)
    assert seen == [((S.PROVISIONING, PRICE), ["other"])]
    record = planned.clusters.get("c")
    assert record is not None
    assert (record.state, record.hourly_cost) == (S.PLANNING, None)
    assert [span.cluster for span in planned.spans.going_on()] == ["other"]
    planned.clusters.transition("c", S.PROVISIONING, within=lambda *_: None, **BOUGHT)


@relaxed
@given(data=st.data())
def test_no_cluster_is_ever_billed_twice_at_one_time(store: Store, clock: Any, data: st.DataObject) -> None:
    """Along any legal path: at most one span goes on, spans follow each other, and what is surely up is billed."""
    name = f"c{len(store.spans.since())}-{clock.time.timestamp():.0f}"
    store.clusters.create(cluster(name, S.PLANNING, created_at=clock.time))
    state = S.PLANNING
    for _ in range(data.draw(st.integers(1, 12))):
        state = data.draw(st.sampled_from(sorted(TRANSITIONS[state])))
        price = data.draw(st.none() | st.sampled_from([PRICE, 2 * PRICE]))
        store.clusters.transition(name, state, **{**BOUGHT, "hourly_cost": price})
        clock.advance(1)
        mine = [span for span in store.spans.going_on() if span.cluster == name]
        assert len(mine) <= 1
        if state is S.UP:
            assert [span.hourly_cost for span in mine] == [price]
    store.clusters.remove(name, "")
    clock.advance(1)
    spans: list[Span] = [span for span in store.spans.since() if span.cluster == name]
    assert all(span.ended_at is not None for span in spans)
    edges = [edge for span in spans for edge in (span.began_at, span.ended_at)]
    assert edges == sorted(edges, key=lambda edge: edge or clock.time)
    assert [replace(span, ended_at=None) for span in spans if span.billing not in {"full", "disk_only"}] == []
