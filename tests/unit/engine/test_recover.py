"""Taking up and removing what was found a while ago, or in part: what has happened since counts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from styx.api import (
    ClusterBusy,
    Idempotency,
    Leftover,
    Node,
    Observation,
    Owner,
    PermissionDenied,
    Scope,
    StyxError,
)
from styx.client.costs import report
from styx.engine.orphans import Orphan
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from styx.testing.bazaar import Habits
from styx.testing.memory.account import Machine
from styx.testing.memory.kinds import MEMORY_CLOUDS
from support.bazaar_world import BazaarWorld
from support.world import HELLO, AnswerLost, Killed, World, quiet

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


async def test_a_machine_that_is_being_launched(tmp_path: Path) -> None:
    """Until its receipt is stored nobody can tell whose it is: it is said whose it may be, and it is not removed."""
    world = World(tmp_path, Idempotency.NONE)
    await world.engine().launch(HELLO, "old", quiet)
    (old,) = world.machines()
    await world.engine().down("old", quiet, forget=True)
    world.store.attempts.settle(world.store.attempts.of("old")[0].token, AttemptState.CLOSED)
    world.clock.advance(600.0)
    with suppress(Killed):
        await world.engine(AnswerLost()).launch(HELLO, "c", quiet)
    (new,) = (machine for machine in world.machines() if machine.id != old.id)
    found = {orphan.name: orphan for orphan in (await world.engine().orphans()).orphans}
    assert {name: (orphan.owner, orphan.cluster) for name, orphan in found.items()} == {
        old.id: (None, ""),
        new.id: (None, "c"),
    }
    with pytest.raises(ClusterBusy, match=f"{new.id} may have come of the launch of cluster 'c'"):
        await world.engine().discard(replace(found[new.id], cluster=""), quiet)
    assert {machine.id for machine in world.machines()} == {old.id, new.id}
    await world.engine().discard(found[old.id], quiet)
    await world.engine().down("c", quiet)
    (stranger,) = (await world.engine().orphans()).orphans
    assert (stranger.name, stranger.cluster) == (new.id, "")
    await world.engine().discard(stranger, quiet)
    assert world.machines() == []


async def test_a_launch_that_was_done_while_somebody_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's machine is not taken for one of its."""
    world = World(tmp_path, Idempotency.NONE)
    await world.engine().launch(HELLO, "c", quiet)
    (first,) = world.machines()

    def another(_rank: int, id_: str) -> Machine:
        return Machine(id_, first.place, first.kind, "", {}, "", 900)

    (stranger,) = world.account.create(another, [0], "", world.clock)
    engine, done = world.engine(), world.store.attempts.unclosed()
    under_way = [replace(each, state=AttemptState.OPEN, receipt=None) for each in done]
    answers = iter([under_way, done])
    monkeypatch.setattr(engine.context.store.attempts, "unclosed", lambda: next(answers))
    (orphan,) = (await engine.orphans()).orphans
    assert (orphan.name, orphan.cluster) == (stranger, "")


async def test_a_leftover_of_nobody(tmp_path: Path) -> None:
    """It is shown with its price, and removed by nobody but the user."""
    world = World(tmp_path, Idempotency.NONE)
    cloud, account = world.clouds["memory"]
    observe = cloud.observe
    disk = Leftover("vol-1", "disk", None, Decimal("0.01"))

    def with_a_disk(self: Any, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        return replace(observe(self, scope, owners), leftovers=(disk,) if scope.name == "east" else ())

    world.clouds["memory"] = (type("Leaving", (cloud,), {"observe": with_a_disk}), account)
    await world.engine().launch(HELLO, "c", quiet)
    (orphan,) = (await world.engine().orphans()).orphans
    assert (orphan.name, orphan.owner, orphan.hourly_cost) == ("vol-1", None, Decimal("0.01"))
    for refuse in (world.engine().discard(orphan, quiet), world.engine().adopt(orphan)):
        with pytest.raises(StyxError):
            await refuse
    await world.engine().down("c", quiet)
    assert world.record() is None
    assert world.store.attempts.unclosed() == []


class CannotDiscard(MEMORY_CLOUDS[Idempotency.SEARCH]):  # type: ignore[misc]
    """Finds machines by their tags, and removes them only together."""

    discard = None


async def test_a_machine_too_many_that_cannot_be_given_back(tmp_path: Path) -> None:
    """It is shown with its cluster and counts in what that costs, until it is gone; it is no orphan to recover."""
    world = World(tmp_path, CannotDiscard)
    await world.engine().launch(HELLO, "c", quiet)
    (first,) = world.machines()

    def twin(_rank: int, id_: str) -> Machine:
        return Machine(id_, first.place, first.kind, first.name, first.tags, "", 900)

    (second,) = world.account.create(twin, [0], "", world.clock)
    (record,) = await world.engine().status(refresh=True)
    assert (record.state, record.hourly_cost) == (ClusterState.UP, Decimal("0.20"))
    (surplus,) = (await world.engine().orphans()).orphans
    assert (surplus.cluster, [node.id for node in surplus.nodes]) == ("c", [second])
    assert surplus.hourly_cost == Decimal("0.10")
    with pytest.raises(ClusterBusy, match="cluster 'c'"):
        await world.engine().discard(surplus, quiet)
    world.account.delete(second)
    (record,) = await world.engine().status(refresh=True)
    assert record.hourly_cost == Decimal("0.10")
    assert (await world.engine().orphans()).orphans == ()
    await world.engine().down("c", quiet)
    assert world.machines() == []


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
