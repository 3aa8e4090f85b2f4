"""Under every habit of a provider, and every two of them, the engine gets all nodes up or says truthfully why not.

The cheapest place may be short of machines, its hosts may fail; the other place has plenty. So a launch has no excuse
under any habit, and afterwards nothing may bill that is neither the cluster's nor shown.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from styx.api import Idempotency, InsufficientCapacity, NodeState, StyxError
from styx.engine.engine import Engine
from styx.spec import Resources
from styx.store.states import ClusterState
from styx.testing.bazaar import Blindness
from styx.testing.bazaar.named import HABITS, pairs
from support.bazaar_world import BazaarWorld, NewBazaar, says_why
from support.world import HELLO, quiet

PAIR = HELLO.nodes(2)
SPOT = PAIR.resources(Resources().spot())
CASES = [(name,) for name in HABITS] + pairs()
TRY_AGAIN = 75  # the exit code that says so


@pytest.mark.parametrize("names", CASES, ids="+".join)
async def test_all_nodes_up_or_the_truth(new_bazaar: NewBazaar, names: tuple[str, ...]) -> None:
    """A gang comes up, is stopped and started where that can be, is removed, and leaves nothing that bills."""
    world = new_bazaar(*names)
    taken = bool({"interrupts", "outbids"} & set(names))
    await world.engine().launch(SPOT if taken else PAIR, "c", quiet)
    await must_be_up(world)
    must_be_frugal(world, names)
    must_say_what_went_wrong(world, names)
    if taken:
        await lose_a_node(world)
    elif not world.market.habits.no_stop:
        await stop(world)
        await start(world)
    if world.market.habits.billed_when_off and not taken:
        await shut_down_inside(world)
    await down(world)
    await world.nothing_bills()


async def must_be_up(world: BazaarWorld) -> None:
    """The record says up, with two nodes that do run; and nothing else bills but what the provider cannot attribute.

    What could be looked at all the time is not only going to be removed but gone by now.
    """
    assert world.is_up(), world.reasons()
    running = {m.id for m in world.market.machines() if m.state(world.clock.now().timestamp()) is NodeState.RUNNING}
    assert len(world.known_nodes()) == 2
    assert world.known_nodes() <= running
    assert [run.alive for run in world.runtimes.values()] == [True]
    if world.market.habits.blindness is Blindness.NONE and world.market.habits.idempotency is not Idempotency.NONE:
        assert {bill.id for bill in world.market.billing()} == world.known_nodes()
    await world.only_strangers_besides(world.known_nodes())


def must_be_frugal(world: BazaarWorld, names: tuple[str, ...]) -> None:
    """No more was asked for than the cluster, and what a place or its hosts gave only in part or for a while.

    Where nothing tells which machines came of a lost answer, each such launch is made twice.
    """
    places = 2 if {"late-refusals", "partial", "failing-hosts", "vanishing"} & set(names) else 1
    twice = 2 if {"none", "lost-answers"} <= set(names) else 1
    assert world.market.made() <= 2 * places * twice


def must_say_what_went_wrong(world: BazaarWorld, names: tuple[str, ...]) -> None:
    """The events tell why the first place was left, in the provider's words where it had any."""
    told, fails = " / ".join(world.reasons()), bool({"failing-hosts", "vanishing"} & set(names))
    if {"late-refusals", "partial"} & set(names) and "lost-answers" not in names and not fails:
        words = "vanished" if {"none", "late-refusals"} <= set(names) else "no small left in east"
        assert words in told or "east gave 1 of 2 nodes" in told, told
    if fails:
        assert "bazaar/east/east-a: " in told, told


async def lose_a_node(world: BazaarWorld) -> None:
    """The provider takes one node back; the record does not go on saying up, and with evidence says who did it."""
    world.market.interrupt(min(world.known_nodes()))
    world.clock.advance(40.0)  # a notice is over, its evidence is not
    await conclusion(world)
    record = world.record()
    assert record is not None
    assert says_why(record)
    if world.market.habits.interruption == "notice":
        assert record.state is ClusterState.PREEMPTED, world.reasons()
    else:
        assert record.state is ClusterState.FAILED, world.reasons()


async def conclusion(world: BazaarWorld) -> None:
    """Look until it is clear that the cluster is not up, for as long as listings may lag or be out of reach."""
    for _ in range(8):
        await world.engine().status(refresh=True)
        record = world.record()
        if record is not None and record.state not in {ClusterState.UP, ClusterState.UNKNOWN}:
            return
        world.clock.advance(5.0)


async def stop(world: BazaarWorld) -> None:
    """All nodes are switched off, cost a disk each, and the record says so."""
    await patiently(world, lambda engine: engine.stop("c", quiet))
    record = world.record()
    assert record is not None
    assert record.state is ClusterState.STOPPED
    off = {m.id for m in world.market.machines() if m.off is not None}
    assert off == world.known_nodes()


async def start(world: BazaarWorld) -> None:
    """The same nodes come back, under the addresses they now have; where their places were given away it says so."""
    before = world.known_nodes()
    if world.market.habits.homeless:
        record = world.record()
        assert record is not None
        kind = f"{record.scope}/{record.instance_type}"
        world.market.allow(room={kind: 0})
        with pytest.raises(InsufficientCapacity):
            await world.engine().start("c", None, quiet)
        refused = world.record()
        assert refused is not None
        assert refused.state is not ClusterState.UP
        assert says_why(refused)
        world.market.allow(room={kind: 100})
    await patiently(world, lambda engine: engine.start("c", None, quiet))
    assert world.known_nodes() == before
    await must_be_up(world)
    addresses = {f"192.0.2.{m.address % 250 + 1}" for m in world.market.machines() if m.id in before}
    if not world.market.habits.mapped_ports:
        assert {node.public_ip for node in world.store.nodes.of("c")} == addresses


async def shut_down_inside(world: BazaarWorld) -> None:
    """Guests that shut themselves down are seen as stopped, and their cost as what it still is."""
    for id_ in world.known_nodes():
        world.market.shut_down(id_)
    await conclusion(world)
    record = world.record()
    assert record is not None
    assert record.state is ClusterState.STOPPED, world.reasons()


async def down(world: BazaarWorld) -> None:
    """The record goes, and not before everything of it has gone; begun when listings are at their worst."""
    world.clock.advance(60.0 - world.clock.now().timestamp() % 60.0)
    await patiently(world, lambda engine: engine.down("c", quiet))
    assert world.record() is None


async def patiently(world: BazaarWorld, operation: Callable[[Engine], object]) -> None:
    """Do it; where the provider's listings are out of reach it may take more than one go, each with a reason."""
    for _ in range(5):
        try:
            await operation(world.engine())  # type: ignore[misc]
        except StyxError as error:
            if error.exit_code != TRY_AGAIN or world.market.habits.blindness is Blindness.NONE:
                raise
            assert says_why(world.record())
            world.clock.advance(20.0)
        else:
            return
    pytest.fail("never done")
