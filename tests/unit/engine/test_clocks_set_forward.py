"""A time of day that is set forward while somebody waits: time that has not passed settles nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from styx.api import Idempotency, OutcomeUnknown, Traits
from styx.testing.memory.kinds import MEMORY_CLOUDS
from support.world import HELLO, World, quiet

HOUR = timedelta(hours=1)
SETTLE_AFTER = 30.0

Searching: Any = MEMORY_CLOUDS[Idempotency.SEARCH]


class Slow(Searching):
    """A cloud whose listings lag."""

    traits: ClassVar[Traits] = replace(Searching.traits, settle_after=SETTLE_AFTER)


def set_forward_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next time that anybody waits, the time service sets the clock right."""
    sleep = world.clock.sleep

    async def jump(seconds: float) -> None:
        monkeypatch.setattr(world.clock, "sleep", sleep)
        world.clock._start += HOUR
        await sleep(seconds)

    monkeypatch.setattr(world.clock, "sleep", jump)


async def test_a_removal_waits_as_long_as_ever(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is listed late is still known."""
    world = new_world(Slow)
    await world.engine().launch(HELLO, "c", quiet)
    world.account._machines.clear()  # as far as the listing goes
    set_forward_once(world, monkeypatch)
    began = world.clock.monotonic()
    await world.engine().down("c", quiet)
    assert SETTLE_AFTER - 1 <= world.clock.monotonic() - began < 2 * SETTLE_AFTER


async def test_nothing_is_asked_for_twice(new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    """A launch asks again once nothing of the first call can appear any more, and not before."""
    world = new_world(Slow)
    asked: list[float] = []

    def launch(cloud: Any, prepared: Any) -> Any:
        asked.append(world.clock.monotonic())
        if len(asked) > 1:
            return Searching.launch(cloud, prepared)
        raise OutcomeUnknown("no answer")

    monkeypatch.setattr(Slow, "launch", launch)
    set_forward_once(world, monkeypatch)
    await world.engine().launch(HELLO, "c", quiet)
    first, second = asked
    assert SETTLE_AFTER <= second - first < 2 * SETTLE_AFTER


async def test_a_removal_of_what_was_called_long_ago_does_not_wait(new_world: Callable[..., World]) -> None:
    """The time before it counts too."""
    world = new_world(Slow)
    await world.engine().launch(HELLO, "c", quiet)
    world.clock.advance(HOUR.total_seconds())
    began = world.clock.monotonic()
    await world.engine().down("c", quiet)
    assert world.clock.monotonic() - began < 1
