"""Taking up and removing what was found a while ago, or in part: what has happened since counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from styx.api import ClusterBusy, Idempotency, Node, PermissionDenied, StyxError
from styx.client.costs import report
from styx.engine.orphans import Orphan
from styx.store.states import ClusterState
from styx.testing.bazaar import Habits
from support.bazaar_world import BazaarWorld
from support.world import HELLO, quiet

TRIO = HELLO.nodes(3)


def searching(home: Path, **habits: object) -> BazaarWorld:
    """A market where the engine removes machines that are too many."""
    return BazaarWorld(home, Habits(Idempotency.SEARCH, **habits))  # type: ignore[arg-type]


async def the_orphan(world: BazaarWorld) -> Orphan:
    """The only thing without a record."""
    (orphan,) = await world.strangers()
    return orphan


def without(orphan: Orphan, unwanted: Callable[[Node], bool]) -> Orphan:
    """As it would have been found by a listing that lags."""
    return replace(orphan, nodes=tuple(node for node in orphan.nodes if not unwanted(node)))


@pytest.mark.parametrize("hidden", [0, 1, 2])
async def test_the_rest_of_a_gang(tmp_path: Path, hidden: int) -> None:
    """Machines of a cluster that did not show when it was taken up are not too many: they join it as they appear."""
    world = searching(tmp_path)
    await world.engine().launch(TRIO, "c", quiet)
    world.lose_the_database()
    await world.engine().adopt(without(await the_orphan(world), lambda node: node.rank == hidden))
    (record,) = await world.engine().status(refresh=True)
    assert len(world.market.billing()) == 3
    assert (record.state, record.num_nodes, record.hourly_cost) == (ClusterState.UP, 3, Decimal("0.30"))
    assert len(world.known_nodes()) == 3
    await world.engine().exec(TRIO, "c", quiet)
    await world.engine().down("c", quiet)
    await world.nothing_bills()


async def test_two_machines_of_one_rank(tmp_path: Path) -> None:
    """Nobody knows any more which of them had the work: both stay until the user removes the cluster."""
    world = searching(tmp_path)
    await world.engine().launch(TRIO, "c", quiet)
    world.lose_the_database()
    orphan = await the_orphan(world)
    twins = tuple(replace(node, rank=min(node.rank or 0, 1)) for node in orphan.nodes)
    await world.engine().adopt(replace(orphan, nodes=twins))
    await world.engine().status(refresh=True)
    assert len(world.market.billing()) == 3
    await world.engine().down("c", quiet)
    await world.nothing_bills()


async def test_what_somebody_took_up_meanwhile(tmp_path: Path) -> None:
    """A question that was answered late removes nothing that is a cluster by now."""
    world = searching(tmp_path)
    await world.engine().launch(HELLO, "c", quiet)
    world.lose_the_database()
    orphan = await the_orphan(world)
    await world.engine().adopt(orphan)
    with pytest.raises(ClusterBusy, match="on record as cluster 'c'"):
        await world.engine().discard(orphan, quiet)
    assert world.is_up()
    assert len(world.market.billing()) == 1


async def test_a_machine_whose_receipt_came_meanwhile(tmp_path: Path) -> None:
    """What was nobody's while its launch was under way is another client's cluster now."""
    world = BazaarWorld(tmp_path, Habits(Idempotency.NONE))
    await world.engine().launch(HELLO, "c", quiet)
    (attempt,) = world.store.attempts.of("c")
    world.lose_the_database()
    orphan = await the_orphan(world)
    assert orphan.owner is None
    world.store.clusters.create(replace(_record(world), operation=None))
    world.store.attempts.add(attempt)
    with pytest.raises(ClusterBusy, match="on record as cluster 'c'"):
        await world.engine().discard(orphan, quiet)
    assert len(world.market.billing()) == 1


def _record(world: BazaarWorld):  # type: ignore[no-untyped-def]
    from styx.store.records import ClusterRecord

    now = world.clock.now()
    return ClusterRecord("c", "c", ClusterState.PLANNING, now, now, 1)


async def test_removing_twice(tmp_path: Path) -> None:
    """A removal that was cut short goes on, also with what was found before it began."""
    world = searching(tmp_path)
    await world.engine().launch(HELLO, "c", quiet)
    world.lose_the_database()
    orphan = await the_orphan(world)
    for _ in range(2):
        await world.engine().discard(orphan, quiet)
    await world.nothing_bills()


@pytest.mark.parametrize("stopped", [False, True])
async def test_what_it_has_cost_before(tmp_path: Path, stopped: bool) -> None:
    """What the provider made a while ago was billed since; nobody can tell since when a stopped machine is stopped."""
    world = searching(tmp_path)
    await world.engine().launch(HELLO, "c", quiet)
    if stopped:
        await world.engine().stop("c", quiet)
    world.clock.advance(3600)
    world.lose_the_database()
    taken = await world.engine().adopt(await the_orphan(world))
    (bill,) = report(world.store.spans.since(), [taken], None, world.clock.now()).bills
    assert bill.seconds < 60 if stopped else bill.seconds >= 3600


async def test_what_was_given_up_is_not_taken_up(tmp_path: Path) -> None:
    """It is on its way out, and the next look at its place would remove it from under the cluster."""
    world = searching(tmp_path, slow_removal=30.0)
    await world.engine().launch(HELLO, "c", quiet)
    await world.engine().down("c", quiet, forget=True)
    orphan = await the_orphan(world)
    with pytest.raises(StyxError, match="c was given up and is being removed"):
        await world.engine().adopt(orphan)
    assert world.record() is None
    await world.nothing_bills()


async def test_a_provider_whose_clock_is_ahead(tmp_path: Path) -> None:
    """A cluster that seems to be younger than its own record is not believed gone when it could not be removed."""
    world = searching(tmp_path)
    await world.engine().launch(HELLO, "c", quiet)
    world.lose_the_database()
    orphan = await the_orphan(world)
    later = world.clock.now() + timedelta(hours=2)
    await world.engine().adopt(replace(orphan, nodes=tuple(replace(n, created_at=later) for n in orphan.nodes)))
    engine = world.engine()
    cloud = engine.context.clouds.get("bazaar").cloud

    def refuse(*_: object) -> None:
        raise PermissionDenied("may not delete", action="delete")

    cloud.terminate = refuse  # type: ignore[assignment, method-assign]
    with pytest.raises(PermissionDenied):
        await engine.down("c", quiet)
    assert world.record() is not None
    await world.engine().down("c", quiet)
    await world.nothing_bills()
