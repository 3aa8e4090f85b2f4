"""A home full of clusters."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from styx.store import Store
from styx.store.database import utc_now
from styx.store.records import ClusterRecord
from styx.store.states import ClusterState


def fill(home: Path, count: int) -> None:
    """Put this many clusters on record, all up."""
    with Store.open(home=home) as store:
        for number in range(count):
            store.clusters.create(record(number))


def record(number: int) -> ClusterRecord:
    """One cluster such as a launch leaves behind."""
    made = utc_now() - timedelta(minutes=number)
    return ClusterRecord(
        name=f"cluster-{number}",
        slug=f"cluster-{number}",
        state=ClusterState.UP,
        created_at=made,
        updated_at=made,
        launched_at=made,
        num_nodes=2,
        cloud="local",
        account="default",
        identity="somebody@somewhere",
        scope="this",
        instance_type="machine",
        resources="8x H100, 96 CPUs, 1000 GiB",
        offer={"cloud": "local", "scope": "this", "accelerators": [["H100", 8, 80]]},
        hourly_cost=Decimal("12.345"),
        backend="agent",
        attempt="abcd",
        task_name="train",
        user="somebody",
    )
