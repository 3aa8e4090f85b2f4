"""Machines that fail in use, and a database that is lost, under every habit: shown as they are, removed when asked."""

from __future__ import annotations

import pytest

from styx.api import Idempotency
from styx.store.states import ClusterState
from styx.testing.bazaar import Habits, Interruption
from styx.testing.bazaar.named import HABITS, with_habits
from support.bazaar_world import LONG, BazaarWorld, NewBazaar, says_why
from support.world import HELLO, quiet

PAIR = HELLO.nodes(2)


def habits_of(name: str) -> Habits:
    """The habits of that name."""
    habits = with_habits(name)
    assert habits is not None
    return habits


NAMES_ITS_OWNER = [name for name in HABITS if habits_of(name).idempotency is not Idempotency.NONE]


async def in_use(world: BazaarWorld) -> None:
    """A cluster that has been up for a while."""
    await world.engine().launch(PAIR, "c", quiet)
    world.clock.advance(LONG)
    await looked(world)
    assert world.is_up()


async def looked(world: BazaarWorld) -> None:
    """Whoever looks, at times of which one is good, sees what there is."""
    world.clock.advance(20.0 + 60.0 - world.clock.now().timestamp() % 60.0)
    await world.engine().status(refresh=True)


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("habit", HABITS)
async def test_hosts_fail_in_use(new_bazaar: NewBazaar, habit: str, lost: int) -> None:
    """With a node or a disk left it has failed, with nothing left it is lost; both are removed without a rest."""
    world = new_bazaar(habit)
    await in_use(world)
    for id_ in sorted(world.known_nodes())[:lost]:
        world.market.fail_host(id_)
    world.clock.advance(LONG)
    await looked(world)
    record = world.record()
    assert record is not None
    left = lost == 1 or world.market.habits.leftovers
    assert record.state is (ClusterState.FAILED if left else ClusterState.LOST), world.reasons()
    assert says_why(record)
    await world.engine().down("c", quiet)
    await world.nothing_bills()


@pytest.mark.parametrize("habit", NAMES_ITS_OWNER)
async def test_a_lost_database_is_rebuilt(new_bazaar: NewBazaar, habit: str) -> None:
    """Everything is found by name or tag with what it costs, and works as before; then it can be removed."""
    world = new_bazaar(habit)
    await in_use(world)
    world.lose_the_database()
    (orphan,) = await world.strangers()
    assert (orphan.name, len(orphan.nodes), orphan.hourly_cost) == ("c", 2, world.true_cost())
    taken = await world.engine().adopt(orphan)
    assert (taken.state, taken.num_nodes, taken.hourly_cost) == (ClusterState.UP, 2, world.true_cost())
    await world.engine().exec(PAIR, "c", quiet)
    assert await world.strangers() == []
    await world.engine().down("c", quiet)
    await world.nothing_bills()


@pytest.mark.parametrize("habit", HABITS)
async def test_what_was_found_is_removed(new_bazaar: NewBazaar, habit: str) -> None:
    """After the database was lost, all that is found can be given back, also what nobody can say whose it is."""
    world = new_bazaar(habit)
    await in_use(world)
    world.lose_the_database()
    for orphan in await world.strangers():
        await world.engine().discard(orphan, quiet)
    await world.settle_down()
    assert world.unclosed() == []
    assert world.market.billing() == []


@pytest.mark.parametrize("habit", [name for name in HABITS if not habits_of(name).no_stop])
async def test_costs_are_those_that_are_billed(new_bazaar: NewBazaar, habit: str) -> None:
    """Running, stopped, started at another price, and switched off from inside: the record has what is billed."""
    world = new_bazaar(habit)
    await in_use(world)
    assert world.record_cost()[0] == world.true_cost()
    await world.engine().stop("c", quiet)
    assert world.record_cost()[1] == world.true_cost()
    await world.engine().start("c", None, quiet)
    await looked(world)
    assert world.record_cost()[0] == world.true_cost()
    for id_ in world.known_nodes():
        world.market.shut_down(id_)
    await looked(world)
    assert world.record_cost()[1] == world.true_cost()


@pytest.mark.parametrize("how", Interruption)
async def test_an_interruption_is_called_one_where_that_shows(new_bazaar: NewBazaar, how: Interruption) -> None:
    """With evidence the cluster was preempted; without, its nodes are lost, and nobody is blamed."""
    world = new_bazaar("interrupts" if how is Interruption.NOTICE else "outbids")
    await in_use(world)
    for id_ in world.known_nodes():
        world.market.interrupt(id_)
    world.clock.advance(40.0)
    await world.engine().status(refresh=True)
    record = world.record()
    assert record is not None
    assert record.state is (ClusterState.PREEMPTED if how is Interruption.NOTICE else ClusterState.LOST)
    await world.engine().down("c", quiet)
    await world.nothing_bills()
