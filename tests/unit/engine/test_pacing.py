"""Keeping to the pace of a provider, and to its refusals, whichever client they were given to."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest

from styx.api import Idempotency, RateLimited, Traits
from styx.engine import pacing
from styx.engine.pacing import HOLD_MOST, TooLate, Turn
from styx.store.turns import Turns
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, World, quiet


class Slow(MemoryCloud):
    """A cloud that wants a second between two calls, and twelve between two launches."""

    traits = Traits(Idempotency.TOKEN, token_lifetime=3600.0, boot_deadline=600.0, pace={"": 1.0, "launch": 12.0})


@pytest.fixture
def slow(new_world: Any) -> World:
    """A world with such a cloud, which notes when it is called."""
    world: World = new_world(Slow)
    world.account.calls = Noting(world)  # type: ignore[assignment]
    return world


class Noting(list[Any]):
    """The calls of an account, with the virtual time of each."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.times: list[tuple[str, float]] = []

    def append(self, call: Any) -> None:
        """Note one."""
        self.times.append((call.method, self.world.clock.monotonic()))
        super().append(call)


async def test_a_launch_keeps_to_the_pace(slow: World) -> None:
    """From the first question to the last look, no two calls are closer than a second; the cluster comes up."""
    await slow.engine().launch(HELLO, "c", quiet)
    await slow.engine().down("c", quiet)
    times = [at for _, at in slow.account.calls.times]  # type: ignore[attr-defined]
    assert len(times) > 5
    assert min(after - before for before, after in pairwise(times)) >= 1.0


async def test_clients_keep_to_it_together(slow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two clients that launch at once each gets turns of its own, and those to launch are twelve seconds apart."""
    turns: list[tuple[bool, float]] = []
    take = Turns.take

    def noted(self: Turns, *key: str, **how: float) -> float:
        wait = take(self, *key, **how)  # type: ignore[arg-type]
        turns.append(("launch" in key[2], slow.clock.monotonic() + wait))
        return wait

    # When a call is really made depends on threads, for which the time of the test does not wait.
    monkeypatch.setattr(Turns, "take", noted)
    await asyncio.gather(*(slow.engine().launch(HELLO, name, quiet) for name in ("a", "b")))
    for pace, lane in ((12.0, [at for launches, at in turns if launches]), (1.0, [at for _, at in turns])):
        assert len(lane) >= 2
        assert min(after - before for before, after in pairwise(sorted(lane))) >= pace


async def test_a_long_wait_is_told(slow: World, caplog: pytest.LogCaptureFixture) -> None:
    """Who waits for long hears why; the pauses of a second are nobody's concern."""
    account = slow.engine().context.clouds.get("memory")

    def launch() -> None:
        pass

    for _ in range(2):
        await account.call(account.cloud.check)
        await account.call(launch)
    assert [record.message for record in caplog.records] == [
        "memory wants to be called less often: waiting 11 s to launch"
    ]


async def test_a_refusal_of_one_client_holds_the_other_back(world: World) -> None:
    """What the provider said to one of them is on record for all, though it never asked for a pace."""
    one, other = (world.engine().context.clouds.get("memory") for _ in range(2))
    world.account.fail_next("check", RateLimited("slow down", retry_after=30.0))
    began = world.clock.monotonic()
    assert (await one.identity()).account == world.account.name
    assert world.clock.monotonic() - began >= 30
    world.account.fail_next("check", RateLimited("slow down", retry_after=600.0))
    with pytest.raises(RateLimited):
        await one.call(one.cloud.check)
    before = len(world.account.calls)
    with pytest.raises(RateLimited, match="memory may not be called again for 300 s") as refused:
        await other.call(other.cloud.check, deadline=60.0)
    assert refused.value.retry_after == pytest.approx(HOLD_MOST)  # no word of a provider is good for longer
    assert len(world.account.calls) == before  # it was not even asked
    began = world.clock.monotonic()
    await other.identity()
    assert world.clock.monotonic() - began >= HOLD_MOST


async def test_waiting_for_a_turn_is_not_hanging(slow: World) -> None:
    """Those at the end of a long queue are not cut off, though each call has a short deadline."""
    account = slow.engine().context.clouds.get("memory")
    began = slow.clock.monotonic()
    for _ in range(20):
        await account.call(account.cloud.check, deadline=5.0)
    assert slow.clock.monotonic() - began >= 19


async def test_a_missed_turn_is_taken_again(slow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was too busy to call in its turn takes another, with more time to begin; no call is late."""
    missed: list[float] = []
    use = Turn.use

    def late(turn: Turn) -> None:
        if len(missed) < 3:
            missed.append(turn.ends_at - time.monotonic())
            raise TooLate
        use(turn)

    monkeypatch.setattr(Turn, "use", late)
    account = slow.engine().context.clouds.get("memory")
    await account.call(account.cloud.check)
    assert len(slow.account.calls) == 1
    assert missed == sorted(missed)
    assert missed[-1] > 2 * pacing.SLACK
    monkeypatch.undo()
    with pytest.raises(TooLate):
        Turn(ends_at=time.monotonic() - 0.001).use()
