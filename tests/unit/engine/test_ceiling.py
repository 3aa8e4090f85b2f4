"""What a launch agrees to where nobody is asked about its price."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from styx.api import InsufficientCapacity, NoOffer
from styx.engine.ceiling import Ceiling
from styx.optimizer.rank import Choice
from styx.spec.model import Alternative
from styx.testing.memory.catalog import default_offers
from support.world import HELLO, World, quiet

OFFER = default_offers()[0]
ONE, OTHER, BOUNDED = Alternative(), Alternative(use_spot=True), Alternative(max_hourly_cost=50)


def choice(cost: str | None, wanted: Alternative = ONE) -> Choice:
    """A choice that costs this."""
    return Choice(OFFER, wanted, None if cost is None else Decimal(cost), "default")


@pytest.mark.parametrize(
    ("choices", "kept"),
    [
        ([choice("1"), choice("10"), choice("10.01"), choice(None)], 2),
        ([choice("0"), choice("1"), choice("10"), choice("11")], 3),  # what is free says nothing of prices
        ([choice("1"), choice("100", OTHER), choice("11")], 2),  # what the user has listed is not compared
        ([choice("1", BOUNDED), choice("40", BOUNDED)], 2),
        ([choice(None), choice(None)], 2),
    ],
)
def test_ten_times_the_cheapest_of_an_alternative(choices: list[Choice], kept: int) -> None:
    """Nothing dearer is kept, nor without a price where others have one, unless the task states its own most."""
    ceiling = Ceiling()
    assert ceiling.within(choices) == tuple(choices[:kept])
    assert ceiling.beyond == next(iter(choices[kept:]), None)


def test_the_cheapest_is_remembered() -> None:
    """Where the cheap ones have been sold out since, the dear ones are no nearer."""
    ceiling = Ceiling()
    ceiling.within([choice("1"), choice("11")])
    assert ceiling.within([choice("5"), choice("11")]) == (choice("5"),)


async def test_refusals_do_not_lead_to_what_nobody_had_in_mind(world: World) -> None:
    """The launch ends with both prices and the option that agrees to more; with that it goes on to the dear one."""
    dear = replace(OFFER, instance_type="huge", hourly_price=Decimal("216.59"))
    world.account.offers = (OFFER, dear)
    engine = world.engine()
    world.account.fail_next("launch", InsufficientCapacity("none left"))
    with pytest.raises(NoOffer, match="none left") as refused:
        await engine.launch(HELLO, "c", quiet)
    hint = refused.value.hint or ""
    assert [part in hint for part in ("huge on memory/east", "$216.59/h", "$0.10/h", "--max-cost 216.59")] == [True] * 4
    assert (world.machines(), len([call for call in world.account.calls if call.method == "launch"])) == ([], 1)
    await engine.launch(HELLO, "c", quiet, max_hourly_cost=Decimal("216.59"))
    assert [machine.kind for machine in world.machines()] == ["huge"]
