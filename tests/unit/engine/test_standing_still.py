"""A client that stands still before any of its steps while another does its work, and then goes on.

Enumerated: every step of every command, with every command of the other. The one that stood still has lost what it
held, and whatever it does from there on, no machine is left that nothing on record stands for.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from styx.api import Idempotency, StyxError
from styx.engine.operation import LEASE_SECONDS
from styx.testing.bazaar import Habits
from support.bazaar_world import BazaarWorld
from support.commands import perform
from support.puppets import Puppet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
MARKETS = {
    "token": Habits(late_births=20.0, late_deaths=20.0),
    "search": Habits(Idempotency.SEARCH, late_births=20.0, late_deaths=20.0, lost_answers=True),
}
# What the first was at, and what the second does meanwhile. A launch is tried on both markets, for it is what can leak.
PAIRS = [
    *((first, second, "search") for first in ("launch", "down", "stop", "start") for second in ("launch", "down")),
    *(("launch", second, "search") for second in ("forget", "status")),
    *(("launch", second, "token") for second in ("launch", "down", "forget")),
    ("forget", "launch", "search"),
]


async def ready(world: BazaarWorld, first: str) -> None:
    """What has to be there before the command."""
    if first != "launch":
        await perform(world.engine(), "launch", "c")
    if first == "start":
        await perform(world.engine(), "stop", "c")
    world.clock.advance(60.0)


async def stand_still(world: BazaarWorld, first: str, second: str, steps: int) -> bool:
    """Whether the first had not come to its end yet after so many steps."""
    await ready(world, first)
    puppet = Puppet(world)
    try:
        puppet.begin(lambda engine: perform(engine, first, "c"))
        for _ in range(steps):
            puppet.step()
        in_time = puppet.busy
        where = f"{first} stood still after {puppet.gate.steps[-1:]}, number {steps}; then {second}"
        world.clock.advance(LEASE_SECONDS + 1.0)
        with suppress(StyxError):
            await perform(world.engine(), second, "c")
        assert world.unknown_machines() == [], where
        puppet.finish()
        assert world.unknown_machines() == [], where
    finally:
        puppet.kill()
    await world.settle_down()
    assert world.unknown_machines() == [], where
    if world.record("c") is not None:
        await perform(world.engine(), "down", "c")
    await world.settle_down()
    assert world.market.billing() == [], where
    assert world.unclosed() == [], where
    return in_time


@pytest.mark.parametrize(("first", "second", "market"), PAIRS)
async def test_standing_still(monkeypatch: pytest.MonkeyPatch, first: str, second: str, market: str) -> None:
    """At each step in turn."""
    monkeypatch.setattr("styx.engine.operation.LOOK_SECONDS", 0.05)  # nobody waits in real time for the other
    for steps in range(200):
        home = Path(tempfile.mkdtemp(prefix="styx-still-", dir=SCRATCH))
        world = BazaarWorld(home, MARKETS[market])
        try:
            if not await stand_still(world, first, second, steps):
                assert steps > 2
                return
        finally:
            await world.close()
            shutil.rmtree(home)
    raise AssertionError("it never came to its end")
