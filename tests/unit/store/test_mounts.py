"""What clusters have in stores."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from styx.api.errors import ClusterNotFound
from styx.store import Store
from styx.store.records import ClusterRecord, MountRecord
from styx.store.states import ClusterState

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _cluster(store: Store) -> None:
    """The cluster ``c`` is on record."""
    store.clusters.create(ClusterRecord("c", "c", ClusterState.PLANNING, NOW, NOW))


def test_mounts_are_remembered_by_target(store: Store) -> None:
    """The last that was mounted at a place is what is there; they are gone when their cluster is."""
    first = MountRecord("c", "data", "file://a/x")
    other = MountRecord("c", "/out", "file://b", cached=True, read_only=True)
    store.mounts.add([first, other])
    assert store.mounts.of("c") == [other, first]
    again = MountRecord("c", "data", "file://c")
    store.mounts.add([again])
    assert store.mounts.of("c") == [other, again]
    store.clusters.remove("c", "gone")
    assert store.mounts.of("c") == []


def test_nobody_mounts_on_a_cluster_that_is_gone(store: Store) -> None:
    """Neither mounts nor buckets are put on record for a cluster that is not."""
    with pytest.raises(ClusterNotFound):
        store.mounts.add([MountRecord("d", "data", "file://a")])
    with pytest.raises(ClusterNotFound):
        store.mounts.claim("d", "file://a")


def test_buckets_outlive_their_cluster_until_they_are_gone(store: Store) -> None:
    """A bucket that is to go with a cluster is known until it has; it is left over once the cluster is gone alone."""
    for _ in range(2):
        store.mounts.claim("c", "file://a")
    store.mounts.claim("c", "file://b")
    assert (store.mounts.buckets("c"), store.mounts.left()) == (["file://a", "file://b"], [])
    store.mounts.release("c", "file://a")
    store.clusters.remove("c", "gone")
    assert store.mounts.left() == [("c", "file://b")]
    store.mounts.release("c", "file://b")
    store.mounts.release("c", "file://b")
    assert (store.mounts.buckets("c"), store.mounts.left()) == ([], [])
