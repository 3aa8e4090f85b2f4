"""How many calls a provider gets: its own minimum, and one look at a place for everybody."""

from __future__ import annotations

from collections import Counter

import pytest

from support.bazaar_world import BazaarWorld, NewBazaar
from support.world import HELLO, quiet

PAIR = HELLO.nodes(2)
CLUSTERS = 20


@pytest.fixture
def world(new_bazaar: NewBazaar) -> BazaarWorld:
    """A kind provider whose machines run at once, so that nobody has to look twice."""
    world = new_bazaar()
    world.market.boot_seconds = 0.0
    return world


async def test_no_call_too_many(world: BazaarWorld) -> None:
    """To launch is to ask, to launch and to look; everything else is to ask for it and to look, once each."""
    engine, before = world.engine(), world.market.calls()
    await engine.launch(PAIR, "c", quiet)
    steps: list[tuple[str, Counter[str]]] = []

    def note(what: str) -> None:
        nonlocal before
        now = world.market.calls()
        steps.append((what, now - before))
        before = now

    note("launch")
    await engine.stop("c", quiet)
    note("stop")
    await engine.start("c", None, quiet)
    note("start")
    await engine.down("c", quiet)
    note("down")
    assert steps == [
        ("launch", Counter(check=1, offers=1, launch=1, observe=1)),
        ("stop", Counter(stop=1, observe=1)),
        ("start", Counter(prepare_start=1, launch=1, observe=1)),
        ("down", Counter(terminate=1, observe=1)),
    ]


async def test_one_look_for_all_clusters(world: BazaarWorld) -> None:
    """However many clusters are in a place, a look at all of them is one listing."""
    engine = world.engine()
    for number in range(CLUSTERS):
        await engine.launch(HELLO, f"c{number}", quiet)
    before = world.market.calls()
    records = await engine.status(refresh=True)
    assert len(records) == CLUSTERS
    assert world.market.calls() - before == Counter(observe=1)


async def test_a_long_boot_is_not_asked_for_all_the_time(world: BazaarWorld) -> None:
    """Looks come at longer and longer intervals: a boot of 100 seconds costs 40 of them at most."""
    world.market.boot_seconds = 100.0
    await world.engine().launch(PAIR, "c", quiet)
    assert world.market.calls("observe")["observe"] <= 40
