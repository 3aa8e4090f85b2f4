"""What the provider says of machines that are there decides what they are billed for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from styx.api import NodeState
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, World, quiet

DISK, DEARER = Decimal("0.01"), Decimal("0.40")


class Priced(MemoryCloud):
    """A cloud that bills disks of stopped machines, and wants more for those that were started again."""

    started = False

    def prepare_start(self, request: Any) -> Any:
        """Remember that prices are other ones from now on."""
        type(self).started = True
        return super().prepare_start(request)

    def _node(self, *args: Any) -> Any:
        node = super()._node(*args)
        if node.state is NodeState.STOPPED:
            return replace(node, hourly_cost=DISK)
        return replace(node, hourly_cost=DEARER) if self.started else node


@pytest.fixture
def priced(new_world: Callable[..., World]) -> World:
    """A world with such a cloud."""
    return new_world(type("Priced", (Priced,), {}))


async def test_a_stopped_cluster_costs_its_disks(priced: World) -> None:
    """Two nodes' disks from the moment they have stopped; the price of the machines is kept for the next start."""
    engine = priced.engine()
    await engine.launch(HELLO.nodes(2), "c", quiet)
    priced.clock.advance(3600)
    await engine.stop("c", quiet)
    (span,) = priced.store.spans.going_on()
    assert (span.billing, span.hourly_cost) == ("disk_only", 2 * DISK)
    record = priced.record()
    assert record is not None
    assert (record.hourly_cost, record.disk_hourly_cost) == (Decimal("0.20"), 2 * DISK)


async def test_a_cluster_that_stopped_by_itself_costs_its_disks(priced: World) -> None:
    """Whoever sees it notes the price as well."""
    await priced.engine().launch(HELLO, "c", quiet)
    priced.account.stop(priced.machines()[0].id)
    await priced.engine().status(refresh=True)
    assert [(span.billing, span.hourly_cost) for span in priced.store.spans.going_on()] == [("disk_only", DISK)]


async def test_a_start_may_change_the_price(priced: World) -> None:
    """From then on the new one is billed, shown, and counted by budgets."""
    engine = priced.engine()
    await engine.launch(HELLO, "c", quiet)
    await engine.stop("c", quiet)
    await engine.start("c", None, quiet)
    record = priced.record()
    assert record is not None
    assert record.hourly_cost == DEARER
    assert [span.hourly_cost for span in priced.store.spans.going_on()] == [DEARER]


async def test_disks_without_a_price_cost_nothing(world: World) -> None:
    """Nothing is made up where the provider says nothing."""
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    await engine.stop("c", quiet)
    assert world.store.spans.going_on() == []


async def test_what_was_forgotten_is_not_billed_any_more(world: World) -> None:
    """Nobody looks at it any more, so nobody can tell how long it costs; the report has what it cost until then."""
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    await engine.down("c", quiet, forget=True)
    assert world.store.spans.going_on() == []
    assert [span.cluster for span in world.store.spans.since()] == ["c"]


async def test_a_life_adds_up(priced: World) -> None:
    """Launch, an hour, removal: the hours that the clock has counted, at the price of the offer."""
    engine = priced.engine()
    await engine.launch(HELLO, "c", quiet)
    priced.clock.advance(3600)
    await engine.down("c", quiet)
    (span,) = priced.store.spans.since()
    assert span.hourly_cost == Decimal("0.10")
    assert span.ended_at is not None
    assert 3600 <= (span.ended_at - span.began_at).total_seconds() < 3700
