"""Machines that were bought at spot prices, where these cannot be stopped: refused before anything is made or ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest

from styx.api import Autostop, Traits, Unsupported
from styx.spec import Resources, Task
from styx.store.states import ClusterState
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, World, quiet

SPOT: Task = HELLO.resources(Resources(use_spot=True))


class OneTime(MemoryCloud):
    """Spot machines run once."""

    traits: ClassVar[Traits] = replace(MemoryCloud.traits, spot_stop=False)


async def test_an_autostop_that_would_stop_them(new_world: Callable[..., World]) -> None:
    """Nothing is made; one that removes them is fine, and so is another machine."""
    world = new_world(OneTime)
    with pytest.raises(Unsupported, match="spot machines of memory cannot be stopped") as caught:
        await world.engine().launch(SPOT, "c", quiet, autostop=Autostop(10))
    assert "with --down" in (caught.value.hint or "")
    assert world.machines() == []
    await world.engine().launch(SPOT, "c", quiet, autostop=Autostop(10, down=True))
    with pytest.raises(Unsupported, match="cannot be stopped"):
        await world.engine().autostop("c", Autostop(5))
    await world.engine().launch(HELLO, "d", quiet, autostop=Autostop(10))


async def test_an_alternative_that_is_not_spot_is_taken(new_world: Callable[..., World]) -> None:
    """The autostop is kept where it can be."""
    world = new_world(OneTime)
    either = Resources.from_dict({"ordered": [{"use_spot": True}, {"use_spot": False}]})
    await world.engine().launch(HELLO.resources(either), "c", quiet, autostop=Autostop(10))
    record = world.record()
    assert record is not None
    assert (record.spot, record.autostop_set) == (False, True)


async def test_stopping_them(new_world: Callable[..., World]) -> None:
    """It is refused before the jobs on them end."""
    world = new_world(OneTime)
    await world.engine().launch(SPOT, "c", quiet)
    with pytest.raises(Unsupported, match="cannot be stopped") as caught:
        await world.engine().stop("c", quiet)
    assert caught.value.hint == "`styx down c` removes the cluster."
    record = world.record()
    assert record is not None
    assert record.state is ClusterState.UP
    (runtime,) = world.runtimes.values()
    assert runtime.alive
    await world.engine().launch(HELLO, "d", quiet)
    await world.engine().stop("d", quiet)
