"""Launching: on new and existing clusters, with failover, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from styx.api import (
    AuthFailed,
    Autostop,
    BackendError,
    BadInput,
    ClusterBusy,
    ClusterNotUp,
    Conflict,
    Idempotency,
    InsufficientCapacity,
    InvalidRequest,
    NoOffer,
    NotFound,
    OfferGone,
    OutcomeUnknown,
    PermissionDenied,
    Preempted,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    Receipt,
    Transient,
    Unsupported,
    WrongAccount,
)  # fmt: skip
from styx.spec import Resources, Task
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from styx.testing.memory.cloud import BareMemoryCloud, MemoryCloud
from support.world import HELLO, World, quiet

ELSEWHERE = [
    InsufficientCapacity("none", scope="east"), QuotaExceeded("limit", resource="vCPU"), OfferGone("gone"),
    Conflict("name taken"), Unsupported("no"), NotFound("no image"), Preempted("at once"),
]  # fmt: skip


async def test_a_first_launch(world: World) -> None:
    """A new cluster is made on the cheapest offer, set up, and the job is queued on it."""
    assert await world.engine().launch(HELLO, "c", quiet) == ("c", 1, True)
    record = world.record()
    assert record is not None
    assert (record.state, record.instance_type, record.region) == (ClusterState.UP, "small", "east")
    assert record.hourly_cost == world.account.offers[0].hourly_price
    assert record.operation is None
    assert len(world.machines()) == 1
    assert await world.engine().status() == [record]
    states = [event.to_state for event in world.store.events.of("c") if event.to_state]
    assert states == ["planning", "provisioning", "setting_up", "up"]
    (attempt,) = world.store.attempts.of("c")
    assert (attempt.state, attempt.receipt is not None) == (AttemptState.SETTLED, True)


async def test_the_intent_comes_first(world: World) -> None:
    """When the provider is called, what it is asked for is already on record, open, with the time of the call."""
    seen = []
    launch = MemoryCloud.launch

    class Watched(MemoryCloud):
        def launch(self, prepared) -> Receipt:
            seen.append(next(a for a in world.store.attempts.of("c") if a.token == prepared.token))
            return launch(self, prepared)

    world.clouds["memory"] = (Watched, world.account)
    await world.engine().launch(HELLO, "c", quiet)
    (attempt,) = seen
    assert attempt.state is AttemptState.OPEN
    assert attempt.called_at is not None
    assert attempt.receipt is None


@pytest.mark.parametrize("error", ELSEWHERE, ids=lambda error: error.code)
async def test_failover(world: World, error: ProviderError) -> None:
    """A refusal for one offer leads to the next best, and nothing of the first stays."""
    world.account.fail_next("launch", error)
    await world.engine().launch(HELLO.nodes(2), "c", quiet)
    record = world.record()
    assert record is not None
    assert (record.state, record.instance_type, record.region) == (ClusterState.UP, "small", "west")
    assert len(world.machines()) == 2
    assert [a.state for a in world.store.attempts.of("c")] == [AttemptState.CLOSED, AttemptState.SETTLED]
    assert any(error.message in reason for reason in world.reasons())


@pytest.mark.parametrize("error", [AuthFailed("expired"), PermissionDenied("no", action="run")], ids=lambda e: e.code)
async def test_an_account_that_is_refused_is_left(world: World, error: ProviderError) -> None:
    """Credentials that do not work rule the whole cloud out at once."""
    world.account.fail_next("launch", error)
    with pytest.raises(NoOffer, match=error.message):
        await world.engine().launch(HELLO, "c", quiet)
    assert world.record() is None
    assert world.machines() == []
    assert len([c for c in world.account.calls if c.method == "launch"]) == 1


@pytest.mark.parametrize("error", [InvalidRequest("bad", field="image"), WrongAccount("other")], ids=lambda e: e.code)
async def test_what_helps_nowhere_is_not_tried_elsewhere(world: World, error: ProviderError) -> None:
    """A value that is rejected, or another account than expected, ends the launch with that very error."""
    world.account.fail_next("launch", error)
    with pytest.raises(type(error), match=error.message):
        await world.engine().launch(HELLO, "c", quiet)
    assert world.record() is None
    assert world.machines() == []


@pytest.mark.parametrize("error", [Transient("reset"), RateLimited("slow down", retry_after=7)], ids=lambda e: e.code)
async def test_what_surely_did_not_happen_is_repeated(world: World, error: ProviderError) -> None:
    """The same call is made again, after the time the provider asks for, and nothing is made twice."""
    before = world.clock.monotonic()
    world.account.fail_next("launch", error)
    await world.engine().launch(HELLO, "c", quiet)
    assert len(world.machines()) == 1
    first, second = [call.arguments for call in world.account.calls if call.method == "launch"]
    assert first == second
    assert world.clock.monotonic() - before >= getattr(error, "retry_after", 0) or 0


async def test_a_plugin_that_breaks_counts_as_refusing(world: World) -> None:
    """An exception that is no provider's error rules the cloud out, and what it had made by then is removed."""

    class Breaking(MemoryCloud):
        def launch(self, prepared) -> Receipt:
            super().launch(prepared)
            raise KeyError("oops")

    world.clouds["memory"] = (Breaking, world.account)
    with pytest.raises(NoOffer, match="KeyError"):
        await world.engine().launch(HELLO, "c", quiet)
    assert world.machines() == []
    assert world.record() is None


@pytest.mark.parametrize("kind", list(Idempotency))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_an_answer_that_never_came(new_world: Callable[..., World], kind: Idempotency, after: bool) -> None:
    """Whether the machines were made before the answer was lost or not, in the end there is exactly what is wanted."""
    world = new_world(kind)
    world.account.fail_next("launch", OutcomeUnknown("no answer"), after=after)
    await world.engine().launch(HELLO.nodes(2), "c", quiet)
    record = world.record()
    assert record is not None
    assert record.state is ClusterState.UP
    assert "settling" in [e.to_state for e in world.store.events.of("c")]
    if kind is Idempotency.NONE and after:  # nobody can tell whose they are: never deleted, shown by the provider only
        assert len(world.unaccounted()) == 2
    else:
        assert world.unaccounted() == []
        assert len(world.machines()) == 2
    await world.engine().down("c", quiet)
    assert len(world.machines()) == (2 if kind is Idempotency.NONE and after else 0)


async def test_all_or_nothing(world: World) -> None:
    """When a provider gives fewer machines than ranks, those it gave are returned and the next offer is tried."""

    class Stingy(MemoryCloud):
        def launch(self, prepared) -> Receipt:
            receipt = super().launch(prepared)
            if prepared.scope.name == "east":
                self.account.delete(receipt.node_ids[1])
                return Receipt(receipt.token, {0: receipt.node_ids[0]})
            return receipt

    world.clouds["memory"] = (Stingy, world.account)
    await world.engine().launch(HELLO.nodes(2), "c", quiet)
    assert {machine.place for machine in world.machines()} == {"west"}
    assert len(world.machines()) == 2
    assert any("gave 1 of 2 nodes" in reason for reason in world.reasons())


async def test_a_node_that_never_boots(new_world: Callable[..., World]) -> None:
    """Machines that do not come up by the provider's own deadline are given back; with no other offer it ends there."""
    world = new_world(boot_seconds=10_000.0)
    with pytest.raises(NoOffer, match="0 of 1 node were running after 60 s"):
        await world.engine().launch(HELLO.resources(Resources(instance_type="small")), "c", quiet)
    assert world.machines() == []
    assert world.record() is None


async def test_a_node_that_dies_while_booting(world: World) -> None:
    """A machine that was seen and is gone before it ran is not waited for."""

    class Dying(MemoryCloud):
        def observe(self, scope, owners):
            seen = super().observe(scope, owners)
            if scope.name == "east" and owners is not None:
                for node in seen.nodes:
                    self.account.delete(node.id)
            return seen

    world.clouds["memory"] = (Dying, world.account)
    before = world.clock.monotonic()
    await world.engine().launch(HELLO, "c", quiet)
    assert [machine.place for machine in world.machines()] == ["west"]
    assert world.clock.monotonic() - before < 10


async def test_more_machines_than_ranks(new_world: Callable[..., World]) -> None:
    """A provider that makes a machine twice is noticed: all are removed, and the cluster is made elsewhere."""

    class Doubling(MemoryCloud):
        def launch(self, prepared) -> Receipt:
            if prepared.scope.name == "east":
                self.account.create(
                    lambda rank, id_: self._machine(prepared, __import__("json").loads(prepared.payload), rank, id_),
                    prepared.ranks, "", self._clock,
                )  # fmt: skip
            return super().launch(prepared)

    world = new_world(Doubling)
    await world.engine().launch(HELLO, "c", quiet)
    assert [machine.place for machine in world.machines()] == ["west"]
    assert world.unaccounted() == []


async def test_retry_until_up(world: World) -> None:
    """With -r everything is tried again until something can be had."""
    for _ in range(9):
        world.account.fail_next("launch", InsufficientCapacity("none"))
    task = HELLO.resources(Resources(instance_type="small"))
    await world.engine().launch(task, "c", quiet, retry_until_up=True)
    record = world.record()
    assert record is not None
    assert record.state is ClusterState.UP
    assert world.clock.monotonic() > 100
    assert len([a for a in world.store.attempts.of("c") if a.state is AttemptState.CLOSED]) == 9


async def test_a_setup_that_fails_leaves_a_cluster_that_can_go_on(world: World) -> None:
    """The runtime's error is the launch's; the machines stay on record, and the next launch sets them up."""
    world.failures.append(("backend.prepare", BackendError("no python")))
    with pytest.raises(BackendError, match="no python"):
        await world.engine().launch(HELLO, "c", quiet)
    record = world.record()
    assert record is not None
    assert (record.state, (record.error or {})["message"]) == (ClusterState.FAILED, "no python")
    (machine,) = world.machines()
    assert (await world.engine().status(refresh=True))[0].state is ClusterState.FAILED
    await world.engine().launch(HELLO, "c", quiet)
    assert [m.id for m in world.machines()] == [machine.id]
    record = world.record()
    assert record is not None
    assert (record.state, record.error) == (ClusterState.UP, None)


class TestExisting:
    """Launching under a name that is taken."""

    async def test_the_same_machines_take_another_job(self, world: World) -> None:
        """A cluster that is up is used as it is."""
        engine = world.engine()
        await engine.launch(HELLO, "c", quiet)
        assert await engine.launch(HELLO, "c", quiet) == ("c", 2, False)
        assert len(world.machines()) == 1

    async def test_one_that_is_too_small(self, world: World) -> None:
        """More nodes, or another kind of machine, than the cluster has are refused, also with --fast."""
        engine = world.engine()
        await engine.launch(HELLO, "c", quiet)
        for task in (HELLO.nodes(2), HELLO.resources(Resources().gpu("A100", 1))):
            for fast in (False, True):
                with pytest.raises(BadInput, match="'c'"):
                    await engine.launch(task, "c", quiet, fast=fast)
            with pytest.raises(BadInput):
                await engine.exec(task, "c", quiet)

    async def test_a_stopped_one_is_started(self, world: World) -> None:
        """A stopped cluster is brought back for the job, on the same machines."""
        await world.engine().launch(HELLO, "c", quiet)
        (machine,) = world.machines()
        await world.engine().stop("c", quiet)
        await world.engine().launch(HELLO, "c", quiet)
        assert [m.id for m in world.machines()] == [machine.id]

    async def test_one_whose_nodes_vanished_is_made_anew(self, world: World) -> None:
        """Launching notices that the machines are gone, and rents others."""
        await world.engine().launch(HELLO, "c", quiet)
        for machine in world.machines():
            world.account.delete(machine.id)
        assert await world.engine().launch(HELLO, "c", quiet) == ("c", 1, True)
        assert len(world.machines()) == 1

    async def test_what_may_hold_files_is_never_removed_unasked(self, world: World) -> None:
        """Of a cluster that was in use and lost a node, the rest stays until the user says down."""
        await world.engine().launch(HELLO.nodes(2), "c", quiet)
        first, second = world.machines()
        world.account.delete(second.id)
        with pytest.raises(ClusterNotUp, match="1 of 2 nodes are left"):
            await world.engine().launch(HELLO.nodes(2), "c", quiet)
        assert [m.id for m in world.machines()] == [first.id]
        await world.engine().down("c", quiet)
        assert world.machines() == []

    async def test_autostop_is_changed(self, world: World) -> None:
        """A policy given with the launch of a cluster that is up takes effect there and on record."""
        engine = world.engine()
        await engine.launch(HELLO, "c", quiet)
        await engine.launch(HELLO, "c", quiet, autostop=Autostop(7))
        (runtime,) = world.runtimes.values()
        record = world.record()
        assert record is not None
        assert runtime.autostop == record.autostop == Autostop(7)
        assert record.autostop_set

    async def test_one_that_removed_itself(self, world: World) -> None:
        """A cluster that autostop has removed meanwhile is made anew under its name."""
        await world.engine().launch(HELLO, "c", quiet, autostop=Autostop(5, down=True))
        (machine,) = world.machines()
        world.account.delete(machine.id)
        assert (await world.engine().launch(HELLO, "c", quiet))[2] is True
        assert [m.id for m in world.machines()] != [machine.id]

    async def test_two_at_once(self, world: World) -> None:
        """Of two clients that launch one name, one wins and the other is told; the machines are made once."""
        results = await asyncio.gather(
            world.engine().launch(HELLO, "c", quiet), world.engine().launch(HELLO, "c", quiet), return_exceptions=True
        )
        busy = [result for result in results if isinstance(result, ClusterBusy)]
        assert len(busy) == 1
        assert "launch" in busy[0].message
        assert len(world.machines()) == 1


async def test_autostop_that_nothing_could_enforce(new_world: Callable[..., World]) -> None:
    """On a cloud whose machines cannot stop themselves autostop is refused, by its option, before anything is made."""
    world = new_world(BareMemoryCloud)
    for policy, given in (
        (Autostop(5), "-i"),
        (Autostop(5, down=True), "-i and --down"),
        (Autostop(0, down=True), "--down"),
    ):
        with pytest.raises(Unsupported, match="cannot be enforced") as refused:
            await world.engine().launch(HELLO, "c", quiet, autostop=policy)
        assert f"Leave out {given}, or `autostop` in the task's resources" in str(refused.value.hint)
    with pytest.raises(Unsupported):
        await world.engine().launch(Task("t", run="x", resources={"autostop": "5m"}), "c", quiet)
    assert world.record() is None
    assert [c for c in world.account.calls if c.method in {"prepare", "launch"}] == []
    await world.engine().launch(HELLO, "c", quiet)
    with pytest.raises(Unsupported):
        await world.engine().autostop("c", Autostop(5))


@pytest.mark.parametrize("name", ["-c", "1c", "a b", "a/b", "", "x" * 64, "c\n"])
async def test_names_that_cannot_be(world: World, name: str) -> None:
    """A name that no provider would take is refused; an empty one means that one is made up."""
    if name == "":
        assert (await world.engine().launch(HELLO, name, quiet))[0].startswith("styx-")
        return
    with pytest.raises(BadInput, match="not a cluster name"):
        await world.engine().launch(HELLO, name, quiet)
