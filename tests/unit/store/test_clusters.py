"""Cluster records: creating, changing, claiming, removing."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from styx.api.errors import ClusterBusy, ClusterNotFound
from styx.api.names import slug
from styx.store import Store
from styx.store.holder import current
from styx.store.records import AttemptState, Holder, NodeRecord, Operation
from styx.store.states import ClusterState
from support.records import HOLDER, NOW, attempt, cluster


def test_a_name_is_given_once(store: Store) -> None:
    """The second client to create a name is told who works on it."""
    me = current()
    store.clusters.create(cluster("c", operation=Operation("launch", me, NOW + timedelta(minutes=1))))
    with pytest.raises(ClusterBusy, match=f"launch by process {os.getpid()}"):
        store.clusters.create(cluster("c"))


def test_two_names_with_one_slug_exclude_each_other(store: Store) -> None:
    """A name that would make the same provider names as another is refused, naming the other."""
    store.clusters.create(cluster("My.Cluster", slug="same"))
    with pytest.raises(ClusterBusy, match=r"named 'My\.Cluster' already"):
        store.clusters.create(cluster("my-cluster", slug="same"))
    assert slug("My.Cluster") != slug("my-cluster")


def test_newest_first(store: Store) -> None:
    """Lists are sorted by creation, newest first, and can be narrowed by name and state."""
    for number in range(3):
        state = ClusterState.UP if number else ClusterState.FAILED
        store.clusters.create(cluster(f"c{number}", state, created_at=NOW + timedelta(seconds=number)))
    assert [c.name for c in store.clusters.list()] == ["c2", "c1", "c0"]
    assert [c.name for c in store.clusters.list(["c0", "c2", "nope"])] == ["c2", "c0"]
    assert [c.name for c in store.clusters.list(states=[ClusterState.FAILED])] == ["c0"]
    assert store.clusters.list(states=[]) == []


def test_what_is_not_there_is_said(store: Store) -> None:
    """Reading a missing cluster gives None; changing one is an error that names it."""
    assert store.clusters.get("nope") is None
    for change in (
        lambda: store.clusters.update("nope", spot=True),
        lambda: store.clusters.transition("nope", ClusterState.UP),
        lambda: store.clusters.acquire("nope", "stop", HOLDER, 60),
        lambda: store.clusters.remove("nope", "because"),
        lambda: store.nodes.replace("nope", []),
    ):
        with pytest.raises(ClusterNotFound, match="nope"):
            change()
    store.clusters.release("nope", HOLDER)
    assert store.clusters.renew("nope", HOLDER, 60) is False


@pytest.mark.parametrize("field", ["name", "slug", "state", "created_at", "operation", "nonsense"])
def test_some_fields_have_their_own_methods(store: Store, field: str) -> None:
    """Identity, state and claim cannot be set in passing."""
    store.clusters.create(cluster("c"))
    with pytest.raises(TypeError, match=field):
        store.clusters.update("c", **{field: "x"})


def test_a_change_that_fails_changes_nothing(store: Store) -> None:
    """An error inside a read-modify-write rolls it back and leaves the database usable."""
    store.clusters.create(cluster("c"))
    with pytest.raises(ZeroDivisionError):
        store.clusters.modify("c", lambda record: {"num_nodes": 1 // 0})
    assert store.clusters.update("c", num_nodes=2).num_nodes == 2


class TestClaims:
    """One holder at a time, for as long as it lives and keeps its claim fresh."""

    def test_a_held_cluster_is_busy_for_others(self, store: Store) -> None:
        """The second holder is refused with the first one's operation; the first may ask again."""
        store.clusters.create(cluster("c"))
        first, second = current(), current()
        store.clusters.acquire("c", "stop", first, 60)
        store.clusters.acquire("c", "stop", first, 60)
        with pytest.raises(ClusterBusy, match="busy: stop") as refused:
            store.clusters.acquire("c", "down", second, 60)
        assert refused.value.operation == "stop"
        for write in (
            lambda: store.clusters.update("c", spot=True, holder=second),
            lambda: store.clusters.transition("c", ClusterState.STOPPING, holder=second),
            lambda: store.clusters.remove("c", "", holder=second),
        ):
            with pytest.raises(ClusterBusy):
                write()
        store.clusters.release("c", second)
        assert store.clusters.renew("c", second, 60) is False
        store.clusters.release("c", first)
        store.clusters.release("c", first)
        store.clusters.acquire("c", "down", second, 60)

    def test_a_dead_process_holds_nothing(self, store: Store) -> None:
        """A claim of a process of this machine that has ended is free at once."""
        me = current()
        store.clusters.create(cluster("c"))
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        store.clusters.acquire("c", "stop", replace(me, id="dead", pid=pid), 3600)
        assert store.clusters.acquire("c", "down", me, 60).operation is not None

    def test_a_used_again_pid_is_another_process(self, store: Store) -> None:
        """A live process with the pid of the holder but another start time does not keep the claim."""
        me = current()
        store.clusters.create(cluster("c"))
        store.clusters.acquire("c", "stop", replace(me, id="earlier", started="1"), 3600)
        store.clusters.acquire("c", "down", me, 60)

    @pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"boot_id": "another boot"}, {"started": ""}])
    def test_what_cannot_be_judged_is_believed_until_its_time(
        self, store: Store, clock: object, change: dict[str, str]
    ) -> None:
        """A holder on another machine, of another boot, or without proof counts as alive until its claim expires."""
        store.clusters.create(cluster("c"))
        other, me = replace(current(), id="other", pid=2**22 - 1, **change), current()
        store.clusters.acquire("c", "stop", other, 60)
        with pytest.raises(ClusterBusy):
            store.clusters.acquire("c", "down", me, 60)
        clock.advance(59)
        assert store.clusters.renew("c", other, 60)
        clock.advance(59)
        with pytest.raises(ClusterBusy):
            store.clusters.acquire("c", "down", me, 60)
        clock.advance(1)
        store.clusters.acquire("c", "down", me, 60)
        assert store.clusters.renew("c", other, 60) is False

    def test_all_claims_of_a_process_end_at_once(self, store: Store) -> None:
        """Each operation of a process has an id of its own; what another process holds stays."""
        dead = replace(current(), host="elsewhere", pid=7)
        for name, holder in (("a", replace(dead, id="1")), ("b", replace(dead, id="2")), ("c", replace(dead, pid=8))):
            store.clusters.create(cluster(name, slug=name))
            store.clusters.acquire(name, "launch", holder, 60)
        assert store.clusters.release_all(dead) == ["a", "b"]
        store.clusters.acquire("a", "down", current(), 60)
        for name in ("a", "c"):
            with pytest.raises(ClusterBusy):
                store.clusters.update(name, spot=True, holder=replace(dead, id="1"))

    def test_a_claim_past_its_time_counts_until_it_is_taken(self, store: Store, clock: object) -> None:
        """A client that was suspended may go on when nobody took its place."""
        me: Holder = current()
        store.clusters.create(cluster("c"))
        store.clusters.acquire("c", "stop", me, 60)
        clock.advance(1000)
        store.clusters.update("c", spot=True, holder=me)
        assert store.clusters.renew("c", me, 60)

    def test_creating_claims_in_one_step(self, store: Store) -> None:
        """A record created with its operation is busy from the first moment."""
        store.clusters.create(cluster("c", operation=Operation("launch", HOLDER, NOW + timedelta(minutes=1))))
        with pytest.raises(ClusterBusy, match="launch by process 1 on elsewhere"):
            store.clusters.acquire("c", "down", current(), 60)


def test_removing_keeps_history_and_what_may_have_left_something(store: Store) -> None:
    """Nodes and closed attempts go with the cluster; events, open attempts and tombstones stay."""
    store.clusters.create(cluster("c"))
    store.nodes.replace("c", [NodeRecord("c", 0, "m-1", "running")])
    for state in AttemptState:
        store.attempts.add(attempt(state.value))
        if state is not AttemptState.OPEN:
            store.attempts.settle(state.value, state)
    store.clusters.remove("c", "because")
    assert store.clusters.get("c") is None
    assert store.nodes.of("c") == []
    assert [a.state for a in store.attempts.of("c")] == [
        AttemptState.OPEN, AttemptState.SETTLED, AttemptState.TOMBSTONE
    ]  # fmt: skip
    assert [(e.kind, e.reason) for e in store.events.of("c")] == [("created", ""), ("removed", "because")]
    store.clusters.create(cluster("c"))


def test_nodes_keep_their_pinned_keys(store: Store) -> None:
    """A pinned host key stays with the same node, and not with another that takes its rank."""
    store.clusters.create(cluster("c"))
    node = NodeRecord("c", 0, "m-1", "running")
    store.nodes.replace("c", [node])
    store.nodes.pin("c", 0, "ssh-ed25519 AAAA")
    store.nodes.replace("c", [node])
    assert [n.host_key for n in store.nodes.of("c")] == ["ssh-ed25519 AAAA"]
    store.nodes.replace("c", [replace(node, node_id="m-2")])
    assert [n.host_key for n in store.nodes.of("c")] == [""]


def test_history_is_cut_to_the_newest(store: Store) -> None:
    """The last events are given, oldest first."""
    for number in range(5):
        store.events.add("c", "note", str(number))
    assert [event.reason for event in store.events.of("c", 2)] == ["3", "4"]
