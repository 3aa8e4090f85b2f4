"""Steps that are much work begin one after the other while the process is busy, and all at once while it is not."""

from __future__ import annotations

import asyncio
import time

import pytest

from styx.jobs import pace
from styx.jobs.pace import Pace

WORK = 2 * pace.BUSY


async def burden(times: int) -> None:
    """Work that keeps everybody else from having a turn for long, again and again."""
    for _ in range(times):
        time.sleep(WORK)  # noqa: ASYNC251 - that is the point
        await asyncio.sleep(0)


async def test_nobody_waits_while_nothing_goes_on() -> None:
    """A hundred that only wait for somebody else, as for a cloud, begin at once."""
    paced, begun = Pace(), []

    async def step() -> None:
        await paced.turn()
        begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.3)

    await asyncio.gather(*(step() for _ in range(100)))
    assert max(begun) - min(begun) < 0.3, "the last has begun before the first was done"


async def test_who_comes_first_is_done_first() -> None:
    """Of steps that are all work, the first has ended long before the last has begun, in the order of coming."""
    paced, told = Pace(), []

    async def step(number: int) -> None:
        await paced.turn()
        told.append(("begun", number))
        await burden(6)
        told.append(("done", number))

    await asyncio.gather(*(step(number) for number in range(6)))
    assert [number for what, number in told if what == "begun"] == [*range(6)]
    assert told.index(("done", 0)) < told.index(("begun", 5))


async def test_the_next_in_line_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the process does: something must go on."""
    monkeypatch.setattr(pace, "MOST", 0.2)
    paced, loop = Pace(), asyncio.get_running_loop()
    other = asyncio.ensure_future(burden(1000))
    began = loop.time()
    await paced.turn()
    assert loop.time() - began < 5
    other.cancel()


async def test_one_who_gives_up_keeps_nobody_back() -> None:
    """A job that is cancelled in the line leaves it."""
    paced = Pace()
    other = asyncio.ensure_future(burden(20))
    await asyncio.sleep(0)
    first, second = asyncio.ensure_future(paced.turn()), asyncio.ensure_future(paced.turn())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(second, 10)
    other.cancel()
