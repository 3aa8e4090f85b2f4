"""Stop, start, down, forget, autostop, and what is seen from outside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from styx.api import (
    AuthFailed,
    Autostop,
    BackendError,
    ClusterBusy,
    ClusterNotFound,
    ClusterNotUp,
    InsufficientCapacity,
    Leftover,
    NodeState,
    OutcomeUnknown,
    PluginError,
    Transient,
    Unsupported,
    WrongAccount,
)  # fmt: skip
from styx.engine.operation import LEASE_SECONDS
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from styx.testing.memory.account import MemoryAccount
from styx.testing.memory.cloud import BareMemoryCloud, MemoryCloud
from support.world import HELLO, World, quiet


async def up(world: World, nodes: int = 1, **options: object) -> None:
    """A cluster ``c`` that is up."""
    await world.engine().launch(HELLO.nodes(nodes), "c", quiet, **options)


def state(world: World) -> ClusterState | None:
    """What is on record."""
    record = world.record()
    return None if record is None else record.state


async def test_stop_and_start(world: World) -> None:
    """Stopping and starting are idempotent, keep the machines, and clear the autostop that was set before."""
    await up(world, 2, autostop=Autostop(10))
    ids = [m.id for m in world.machines()]
    for _ in range(2):
        await world.engine().stop("c", quiet)
    assert [m.state for m in world.machines()] == [NodeState.STOPPED] * 2
    assert state(world) is ClusterState.STOPPED
    for _ in range(2):
        await world.engine().start("c", None, quiet)
    assert [m.id for m in world.machines()] == ids
    record = world.record()
    assert record is not None
    assert (record.state, record.autostop, record.autostop_set) == (ClusterState.UP, None, False)
    (runtime,) = world.runtimes.values()
    assert (runtime.alive, runtime.autostop) == (True, None)


async def test_start_sets_autostop(world: World) -> None:
    """A policy given with start is enforced and on record."""
    await up(world)
    await world.engine().stop("c", quiet)
    await world.engine().start("c", Autostop(3), quiet)
    (runtime,) = world.runtimes.values()
    record = world.record()
    assert record is not None
    assert runtime.autostop == record.autostop == Autostop(3)


async def test_a_start_that_finds_no_capacity(world: World) -> None:
    """A start that fails leaves the cluster stopped with the reason, its machines and disks untouched."""
    await up(world)
    await world.engine().stop("c", quiet)
    world.account.fail_next("launch", InsufficientCapacity("none left"))
    with pytest.raises(InsufficientCapacity):
        await world.engine().start("c", None, quiet)
    record = world.record()
    assert record is not None
    assert (record.state, (record.error or {})["message"]) == (ClusterState.STOPPED, "none left")
    assert len(world.machines()) == 1
    await world.engine().start("c", None, quiet)
    assert state(world) is ClusterState.UP


async def test_a_start_without_an_answer(world: World) -> None:
    """Asking again to start the same machines makes nothing twice."""
    await up(world)
    await world.engine().stop("c", quiet)
    world.account.fail_next("launch", OutcomeUnknown("no answer"))
    await world.engine().start("c", None, quiet)
    assert state(world) is ClusterState.UP
    assert len(world.machines()) == 1


async def test_a_runtime_that_does_not_come_back(world: World) -> None:
    """When setting up fails after a start, the cluster is failed and start tries again."""
    await up(world)
    await world.engine().stop("c", quiet)
    world.failures.append(("backend.prepare", BackendError("disk full")))
    with pytest.raises(BackendError):
        await world.engine().start("c", None, quiet)
    assert state(world) is ClusterState.FAILED
    await world.engine().start("c", None, quiet)
    assert state(world) is ClusterState.UP


async def test_a_cloud_that_cannot_stop(world: World) -> None:
    """Stopping is refused there, and the cluster goes on undisturbed."""
    world.clouds["memory"] = (BareMemoryCloud, world.account)
    await up(world)
    with pytest.raises(Unsupported, match="stop"):
        await world.engine().stop("c", quiet)
    assert state(world) is ClusterState.UP
    (runtime,) = world.runtimes.values()
    assert runtime.alive


async def test_nodes_that_vanish_while_they_stop(world: World) -> None:
    """A machine that is gone is not called stopped."""
    await up(world, 2)
    gone = world.machines()[1]

    class Losing(MemoryCloud):
        def stop(self, scope, owner, receipts) -> None:
            super().stop(scope, owner, receipts)
            self.account.delete(gone.id)

    world.clouds["memory"] = (Losing, world.account)
    with pytest.raises(ClusterNotUp):
        await world.engine().stop("c", quiet)
    assert state(world) is ClusterState.FAILED


async def test_down_is_complete(world: World) -> None:
    """The record goes with the last machine and leftover; the second down has nothing to remove."""
    await up(world, 2)
    await world.engine().down("c", quiet)
    assert (world.machines(), state(world)) == ([], None)
    assert [a.state for a in world.store.attempts.of("c")] == []
    with pytest.raises(ClusterNotFound):
        await world.engine().down("c", quiet)


async def test_leftovers_are_waited_for(world: World) -> None:
    """A disk that outlives its machine keeps the record until it is gone."""
    await up(world)
    looks = []

    class Littering(MemoryCloud):
        def observe(self, scope, owners):
            seen = super().observe(scope, owners)
            looks.append(seen)
            if len(looks) < 4 and owners:
                return replace(seen, leftovers=(Leftover("d-1", "disk", next(iter(owners))),))
            return seen

    world.clouds["memory"] = (Littering, world.account)
    await world.engine().down("c", quiet)
    assert len(looks) == 4
    assert state(world) is None


async def test_down_that_is_refused(world: World) -> None:
    """When the provider refuses, the record stays as terminating with the reason, and the next down finishes."""
    await up(world)
    world.account.fail_next("terminate", AuthFailed("expired"))
    with pytest.raises(AuthFailed):
        await world.engine().down("c", quiet)
    record = world.record()
    assert record is not None
    assert (record.state, (record.error or {})["message"]) == (ClusterState.TERMINATING, "expired")
    with pytest.raises(ClusterNotUp, match="terminating"):
        await world.engine().exec(HELLO, "c", quiet)
    await world.engine().down("c", quiet)
    assert (world.machines(), state(world)) == ([], None)


async def test_a_partial_view_removes_no_record(world: World) -> None:
    """As long as part of the place cannot be looked at the record stays, and the user is told about --forget."""
    await up(world)

    class Blind(MemoryCloud):
        def observe(self, scope, owners):
            return replace(super().observe(scope, owners), unreachable=("rack 2",))

    world.clouds["memory"] = (Blind, world.account)
    with pytest.raises(OutcomeUnknown, match="rack 2 could not be looked at") as refused:
        await world.engine().down("c", quiet)
    assert "--forget" in (refused.value.hint or "")
    assert state(world) is ClusterState.TERMINATING
    await world.engine().status()
    assert state(world) is ClusterState.UNKNOWN
    world.clouds["memory"] = (MemoryCloud, world.account)
    await world.engine().status(refresh=True)
    assert state(world) is None


class TestAnotherAccount:
    """Credentials that are not those a cluster was made with."""

    async def switched(self, world: World) -> None:
        """A cluster, and then the credentials of somebody else."""
        await up(world, autostop=Autostop(60, down=True))
        world.clouds["memory"] = (MemoryCloud, MemoryAccount("somebody-else"))

    async def test_nothing_is_touched(self, world: World) -> None:
        """Every operation says WrongAccount, and neither account sees a call that changes anything."""
        await self.switched(world)
        other = world.clouds["memory"][1]
        world.account.calls.clear()
        with pytest.raises(WrongAccount, match="somebody-else"):
            await world.engine().down("c", quiet)
        assert [c.method for c in other.calls if c.method not in {"check", "observe"}] == []
        assert world.account.calls == []
        assert len(world.machines()) == 1
        assert state(world) is ClusterState.UP

    async def test_it_is_unknown_and_not_gone(self, world: World) -> None:
        """An empty listing of another account proves nothing: the record stays, and comes back with the credentials."""
        await self.switched(world)
        await world.engine().status(refresh=True)
        assert state(world) is ClusterState.UNKNOWN
        with pytest.raises(WrongAccount, match="somebody-else"):
            await world.engine().launch(HELLO, "c", quiet)
        with pytest.raises(WrongAccount, match="somebody-else"):
            await world.engine().stop("c", quiet)
        world.clouds["memory"] = (MemoryCloud, world.account)
        await world.engine().exec(HELLO, "c", quiet)
        assert state(world) is ClusterState.UP

    async def test_forgetting(self, world: World) -> None:
        """The user may forget it; its machines go when the account is back, and a new cluster is not held up."""
        await self.switched(world)
        await world.engine().down("c", quiet, forget=True)
        assert state(world) is None
        assert [a.state for a in world.store.attempts.of("c")] == [AttemptState.TOMBSTONE]
        world.clock.advance(1)
        other = world.clouds["memory"][1]
        await world.engine().launch(HELLO, "c", quiet)
        await world.engine().down("c", quiet)
        assert (state(world), world.machines(other)) == (None, [])
        assert len(world.machines()) == 1
        world.clouds["memory"] = (MemoryCloud, world.account)
        await world.engine().status(refresh=True)
        assert world.machines() == []
        assert world.store.attempts.tombstones() == []


async def test_autostop_is_seen(world: World) -> None:
    """A cluster that stopped itself is stopped in the next status; with --down it is gone."""
    await up(world, autostop=Autostop(5))
    world.account.stop(world.machines()[0].id)
    assert [r.state for r in await world.engine().status()] == [ClusterState.STOPPED]
    await world.engine().down("c", quiet)
    await up(world, autostop=Autostop(5, down=True))
    world.account.delete(world.machines()[0].id)
    assert await world.engine().status() == []
    assert world.reasons()[-1] == "removed itself by autostop"


async def test_a_plugin_that_is_gone(world: World) -> None:
    """Clusters of a cloud that cannot be used any more are unknown, and the others are shown as ever."""
    await up(world)
    del world.clouds["memory"]
    (record,) = await world.engine().status(refresh=True)
    assert record.state is ClusterState.UNKNOWN
    with pytest.raises(PluginError):
        await world.engine().down("c", quiet)
    assert state(world) is ClusterState.TERMINATING


async def test_a_provider_that_cannot_be_reached(world: World) -> None:
    """While the provider does not answer the cluster is unknown; exec looks again before it gives up."""
    await up(world)
    for _ in range(5):
        world.account.fail_next("observe", Transient("no route"))
    (record,) = await world.engine().status(refresh=True)
    assert (record.state, (record.error or {})["message"]) == (ClusterState.UNKNOWN, "no route")
    assert await world.engine().exec(HELLO, "c", quiet) == 2
    assert state(world) is ClusterState.UP


async def test_one_operation_at_a_time(world: World) -> None:
    """While one client holds the cluster the others are told what it does; a look is waited for instead."""
    await up(world)
    engine, other = world.engine(), world.engine().context.fresh()
    world.store.clusters.acquire("c", "stop", other.holder, LEASE_SECONDS)
    for operation in (
        engine.stop("c", quiet), engine.down("c", quiet), engine.start("c", None, quiet),
        engine.launch(HELLO, "c", quiet), engine.autostop("c", Autostop(5)),
    ):  # fmt: skip
        with pytest.raises(ClusterBusy, match="busy: stop by process"):
            await operation
    assert (await engine.status())[0].state is ClusterState.UP
    world.store.clusters.release("c", other.holder)
    assert await engine.exec(HELLO, "c", quiet) == 2


async def test_a_lease_that_ran_out_is_no_excuse(world: World) -> None:
    """A client of another machine that has not given a sign of life is passed over, and its writes are refused."""
    await up(world)
    away = replace(world.engine().context.fresh().holder, host="elsewhere")
    world.store.clusters.acquire("c", "stop", away, LEASE_SECONDS)
    assert (await world.engine().status())[0].operation is not None
    world.clock.advance(LEASE_SECONDS)
    assert (await world.engine().status())[0].operation is None
    await world.engine().stop("c", quiet)
    with pytest.raises(ClusterBusy):
        world.store.clusters.transition("c", ClusterState.TERMINATING, holder=away)


async def test_addresses_change_under_an_open_engine(world: World) -> None:
    """An engine that was used before another client stopped and started the cluster uses the new nodes."""
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    (old,) = engine._handles.kept.values()
    await world.engine().down("c", quiet)
    await world.engine().launch(HELLO, "c", quiet)
    await engine.exec(HELLO, "c", quiet)
    new = [handle for handle in engine._handles.kept.values() if handle.key != old.key]
    assert len(new) == 1
    assert new[0].nodes[0].id != old.nodes[0].id
