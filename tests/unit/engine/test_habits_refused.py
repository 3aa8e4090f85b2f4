"""Where no place has the machines, every habit ends in the truth, and in nothing that bills."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from styx.api import NoOffer
from styx.store.states import ClusterState
from styx.testing.bazaar.named import HABITS, with_habits
from support.bazaar_world import BazaarWorld, NewBazaar, says_why
from support.world import HELLO, quiet

PAIR = HELLO.nodes(2)
LIMITS = {"room": {"room": 1}, "quota": {"quota": 1}}


def limited(world: BazaarWorld, room: int | None = None, quota: int | None = None) -> None:
    """No place has what is wanted: of each kind so many, or in each place so many of all kinds."""
    for offer in world.market.offers:
        if room is not None:
            world.market.allow(room={f"{offer.scope.name}/{offer.instance_type}": room})
        if quota is not None:
            world.market.allow(quota={offer.scope.name: quota})


def cases() -> Iterator[object]:
    """Each habit, alone and with those that make a refusal hard to notice."""
    for name in HABITS:
        for limit in LIMITS:
            yield pytest.param((name,), limit, id=f"{name}, {limit}")
        for other in ("late-refusals", "lost-answers"):
            if name != other and with_habits(name, other):
                yield pytest.param((name, other), "room", id=f"{name}+{other}")


@pytest.mark.parametrize(("names", "limit"), list(cases()))
async def test_no_place_has_them(new_bazaar: NewBazaar, names: tuple[str, ...], limit: str) -> None:
    """The launch fails, names every place that was asked, leaves no record that says up, and nothing that bills."""
    world = new_bazaar(*names)
    limited(world, **LIMITS[limit])
    with pytest.raises(NoOffer) as caught:
        await world.engine().launch(PAIR, "c", quiet)
    assert len(caught.value.reasons) == len([offer for offer in world.market.offers if not offer.accelerators])
    assert all(caught.value.reasons.values())
    record = world.record()
    if record is not None:
        assert record.state is ClusterState.FAILED
        assert says_why(record)
    await world.settle_down()
    if world.record() is not None:
        await world.engine().down("c", quiet)
    assert world.record() is None
    await world.nothing_bills()


@pytest.mark.parametrize("habit", HABITS)
async def test_the_same_name_can_be_launched_again(new_bazaar: NewBazaar, habit: str) -> None:
    """Once there is room, a launch under the name of one that was refused comes up, and is alone there."""
    world = new_bazaar(habit)
    limited(world, room=1)
    with pytest.raises(NoOffer):
        await world.engine().launch(PAIR, "c", quiet)
    limited(world, room=100)
    await world.engine().launch(PAIR, "c", quiet)
    assert world.is_up()
    assert len(world.known_nodes()) == 2
    await world.settle_down()
    await world.only_strangers_besides(world.known_nodes())
    assert world.known_nodes() <= {bill.id for bill in world.market.billing()}
