"""The repositories behave alike on both databases."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.backend import Autostop
from styx.api.errors import ClusterBusy, StoreError
from styx.store import Store
from styx.store.holder import current
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from support.records import (
    HOLDER,
    NOW,
    attempt,
    cleaned,
    cluster,
    cluster_fields,
    node_records,
    operations,
    prepareds,
    receipts,
    relaxed,
    times,
    wires,
)  # fmt: skip


@relaxed
@given(
    fields=cluster_fields, operation=st.none() | operations, node=node_records, prepared=prepareds, called=times,
    receipt=receipts, error=wires,
)  # fmt: skip
def test_any_record_survives(store: Store, fields, operation, node, prepared, called, receipt, error) -> None:
    """Clusters, nodes and attempts with whatever text come back as they were written."""
    record = cluster("c", operation=operation, **fields)
    store.clusters.create(record)
    try:
        assert store.clusters.get("c") == replace(record, **cleaned(fields))
        store.nodes.replace("c", [node])
        assert [n.endpoint for n in store.nodes.of("c")] == [node.endpoint]
        prepared = replace(prepared, token=secrets.token_hex(16))  # the database outlives one example
        wanted = attempt(prepared.token, prepared=prepared)
        store.attempts.add(wanted)
        store.attempts.called(prepared.token, called)
        store.attempts.answered(wanted, receipt, called, HOLDER)
        store.attempts.settle(prepared.token, AttemptState.CLOSED, error)
        (found,) = store.attempts.of("c")
        assert found == replace(
            wanted, called_at=called.astimezone(UTC), receipt=receipt, state=AttemptState.CLOSED, error=error
        )
    finally:
        store.clusters.remove("c", "")


def test_the_life_of_a_cluster(store: Store) -> None:
    """Create, claim, move, change, release and remove; the history tells it."""
    me = current()
    store.clusters.create(cluster("c", ClusterState.PLANNING))
    with pytest.raises(ClusterBusy, match="already"):
        store.clusters.create(cluster("c"))
    store.clusters.acquire("c", "launch", me, 60)
    with pytest.raises(ClusterBusy):
        store.clusters.acquire("c", "down", replace(HOLDER, id="other"), 60)
    store.clusters.transition("c", ClusterState.PROVISIONING, holder=me, hourly_cost=Decimal("1.25"))
    with pytest.raises(StoreError, match="cannot go"):
        store.clusters.transition("c", ClusterState.STOPPED, holder=me)
    store.clusters.transition("c", ClusterState.FAILED, holder=me, reason="a NUL \0 and half a pair \ud800")
    store.clusters.update("c", holder=me, autostop=Autostop(5, down=True))
    assert store.clusters.renew("c", me, 60)
    store.clusters.release("c", me)
    record = store.clusters.get("c")
    assert record is not None
    assert (record.hourly_cost, record.autostop, record.operation) == (Decimal("1.25"), Autostop(5, down=True), None)
    store.clusters.remove("c", "done")
    assert [event.kind for event in store.events.of("c")] == ["created", "state", "state", "removed"]


def test_tombstones_outlive_their_cluster(store: Store) -> None:
    """What was given up is still known when the cluster is gone, and the closed rest is not."""
    store.clusters.create(cluster("c"))
    for token, state in (("a", AttemptState.TOMBSTONE), ("b", AttemptState.CLOSED)):
        store.attempts.add(attempt(token))
        store.attempts.settle(token, state)
    store.clusters.remove("c", "")
    assert [a.token for a in store.attempts.of("c")] == ["a"]
    assert [a.token for a in store.attempts.tombstones()] == ["a"]


def test_lists_are_sorted_and_narrowed_alike(store: Store) -> None:
    """Newest first, by name and by state, on either database."""
    for number, state in enumerate(list(ClusterState)[:5]):
        store.clusters.create(cluster(f"c{number}", state, created_at=NOW + timedelta(seconds=number)))
    assert [c.name for c in store.clusters.list()] == ["c4", "c3", "c2", "c1", "c0"]
    assert [c.name for c in store.clusters.list(["c1", "c3"], [ClusterState.UP])] == ["c3"]


def test_two_databases_are_two_installations(new_url: Callable[[], str]) -> None:
    """Each database has an id of its own, which stays."""
    first, second = new_url(), new_url()
    with Store.open(first) as a, Store.open(second) as b, Store.open(first) as again:
        assert a.installation != b.installation
        assert again.installation == a.installation
