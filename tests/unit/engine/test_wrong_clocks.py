"""A time of day that is set, and a store that fails for a moment: neither loses a machine nor buys one twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from styx.api import Idempotency, OutcomeUnknown, StoreError, Traits
from styx.engine import intent
from styx.engine.intent import ask
from styx.engine.operation import LEASE_SECONDS
from styx.store.states import ClusterState
from styx.testing.memory.cloud import MemoryCloud
from styx.testing.memory.kinds import MEMORY_CLOUDS
from support.records import attempt, cluster
from support.world import HELLO, World, quiet

HOUR = timedelta(hours=1)
SETTLE_AFTER, LIFETIME = 30.0, 60.0

Searching: Any = MEMORY_CLOUDS[Idempotency.SEARCH]


class Slow(Searching):
    """A cloud whose listings lag."""

    traits: ClassVar[Traits] = replace(Searching.traits, settle_after=SETTLE_AFTER)


class Forgetful(MemoryCloud):
    """A cloud that knows its tokens for a minute."""

    traits: ClassVar[Traits] = replace(MemoryCloud.traits, token_lifetime=LIFETIME)


def set_once(world: World, monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """The next time that anybody waits, the time service sets the clock by so much; time goes on from there."""
    sleep = world.clock.sleep

    async def jump(seconds: float) -> None:
        monkeypatch.setattr(world.clock, "sleep", sleep)
        world.clock._start += by
        await sleep(seconds)

    monkeypatch.setattr(world.clock, "sleep", jump)


async def test_a_removal_ends_although_the_clock_was_set_back(new_world: Callable[..., World]) -> None:
    """A call that seems to lie in the future is waited for as one of now, in this command as in the next."""
    world = new_world(Slow)
    await world.engine().launch(HELLO, "c", quiet)
    world.clock._start -= HOUR
    began = world.clock.monotonic()
    await world.engine().down("c", quiet)
    assert SETTLE_AFTER <= world.clock.monotonic() - began < 2 * SETTLE_AFTER
    assert (world.record(), world.store.attempts.unclosed()) == (None, [])


async def test_a_removal_waits_as_long_as_ever_although_the_clock_is_set_forward(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time that has not passed settles nothing: a machine that is listed late is still known."""
    world = new_world(Slow)
    began = world.clock.monotonic()
    await world.engine().launch(HELLO, "c", quiet)
    world.hide_machines()
    set_once(world, monkeypatch, HOUR)
    await world.engine().down("c", quiet)
    assert SETTLE_AFTER - 1 <= world.clock.monotonic() - began < 2 * SETTLE_AFTER


async def test_a_removal_of_what_was_called_long_ago_does_not_wait(new_world: Callable[..., World]) -> None:
    """The time before it counts too."""
    world = new_world(Slow)
    await world.engine().launch(HELLO, "c", quiet)
    world.clock.advance(HOUR.total_seconds())
    began = world.clock.monotonic()
    await world.engine().down("c", quiet)
    assert world.clock.monotonic() - began < 1


@pytest.mark.parametrize("by", [-HOUR, HOUR])
async def test_a_lost_answer_is_settled_although_the_clock_is_set(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    """The launch asks again once nothing of the first call can appear any more, and not before."""
    world = new_world(Slow)
    asked: list[float] = []

    def launch(cloud: Any, prepared: Any) -> Any:
        asked.append(world.clock.monotonic())
        if len(asked) > 1:
            return Searching.launch(cloud, prepared)
        raise OutcomeUnknown("no answer")

    monkeypatch.setattr(Slow, "launch", launch)
    set_once(world, monkeypatch, by)  # the first who waits does so once the lost call is on record
    await world.engine().launch(HELLO, "c", quiet)
    first, second = asked
    assert SETTLE_AFTER <= second - first < 2 * SETTLE_AFTER
    assert len(world.machines()) == 1


async def test_a_token_of_unknown_age_is_not_used_again(world: World) -> None:
    """Where the clock was set back nobody knows whether the provider still knows the token: it could buy twice."""
    engine = world.engine()
    account = engine.context.clouds.get("memory")
    earlier = attempt(created_at=world.clock.now() + HOUR, called_at=world.clock.now() + HOUR)
    assert await ask(engine.context, account, earlier) == earlier
    assert [call.method for call in world.account.calls] == []


async def test_a_token_that_grows_too_old_in_the_queue_is_not_used(new_world: Callable[..., World]) -> None:
    """Whether a call may be repeated is asked when its turn has come, which may be long after it was wanted."""
    world = new_world(Forgetful)
    context = world.engine().context.fresh()
    account, now = context.clouds.get("memory"), world.clock.now()
    world.store.clusters.create(cluster("c", ClusterState.PROVISIONING))
    world.store.clusters.acquire("c", "launch", context.holder, LEASE_SECONDS)
    lost = attempt(created_at=now, called_at=now)
    world.store.attempts.add(lost)
    world.store.turns.hold("memory", account.account, {"launch"}, 2 * LIFETIME)
    assert (await ask(context, account, lost)).receipt is None
    assert world.clock.monotonic() >= 2 * LIFETIME
    assert [call.method for call in world.account.calls] == []


async def test_an_answer_is_kept_when_the_store_fails_for_a_moment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written at the third try; the launch goes on, and the machine is known by its receipt."""
    monkeypatch.setattr(intent, "KEEP_PAUSES", (0.0, 0.0, 0.0))
    engine = world.engine()
    attempts, failures = engine.context.store.attempts, iter(range(3))
    answered = attempts.answered

    def fails_at_first(*args: Any) -> bool:
        for _ in failures:
            raise StoreError("locked")
        return answered(*args)

    monkeypatch.setattr(attempts, "answered", fails_at_first)
    await engine.launch(HELLO, "c", quiet)
    (kept,) = world.store.attempts.of("c")
    assert kept.receipt is not None
    assert set(kept.receipt.node_ids.values()) == {machine.id for machine in world.machines()}
