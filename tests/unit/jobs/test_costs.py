"""What managed jobs have cost so far."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from styx.jobs import costs
from styx.jobs.model import JobOptions
from styx.jobs.submit import submit
from styx.sealing import Sealer
from styx.spec import Task
from styx.store import Store
from styx.store.managed import Limits, ManagedJob, ServerRecord
from styx.store.states import ClusterState
from styx.testing.clock import FakeClock
from support.records import cluster


@pytest.fixture
def clock() -> FakeClock:
    """Time that is only counted."""
    return FakeClock()


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> tuple[Store, ManagedJob]:
    """A store, and a job that is under way in it, in its second run."""
    store = Store.open(home=tmp_path, clock=clock.now)
    submit(store, Sealer.open(tmp_path), Task("t").run("true"), JobOptions(), user="me")
    now = store.now()
    store.servers.register(ServerRecord("s", "h", 1, "", "", "1", "", now, now, now + timedelta(days=1)))
    (admitted,) = store.jobs.admit("s", Limits())
    owned = store.jobs.own(admitted.id, "s")
    return store, store.jobs.update(owned.id, owned.epoch, cluster="t-1-2", runs=2)


def bill(store: Store, clock: FakeClock, name: str, price: str | None, hours: int, user: str = "me") -> None:
    """Have a cluster of that name for so long, at so much an hour."""
    cost, now = None if price is None else Decimal(price), store.now()
    record = cluster(name, slug=name, state=ClusterState.PLANNING, created_at=now, launched_at=now, user=user)
    store.clusters.create(record)
    store.clusters.transition(name, ClusterState.PROVISIONING, hourly_cost=cost)
    clock.advance(3600 * hours)
    store.clusters.remove(name, "")


def test_all_clusters_of_a_job_count(job: tuple[Store, ManagedJob], clock: FakeClock) -> None:
    """Those of earlier runs too, and no other's."""
    store, mine = job
    for name, price, hours in (("t-1", "2", 1), ("t-1-2", "3", 2), ("t-17", "100", 1)):
        bill(store, clock, name, price, hours)
    bill(store, clock, "t-1", "50", 1, user="somebody-else")
    assert costs.of(store, mine) == Decimal(8)


def test_what_has_no_price_makes_no_sum(job: tuple[Store, ManagedJob], clock: FakeClock) -> None:
    """A sum without it would be a lie."""
    store, mine = job
    bill(store, clock, "t-1", None, 1)
    assert costs.of(store, mine) is None
