"""What is planned before anything is made: after the policies, for all of the wish, no dearer than agreed to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from styx.api import (
    AuthFailed,
    Autostop,
    BadInput,
    Idempotency,
    InsufficientCapacity,
    NoOffer,
    PluginError,
    RateLimited,
    Traits,
)  # fmt: skip
from styx.api.errors import InvalidTask, StyxError, Unsupported
from styx.engine.account import GLANCE_SECONDS
from styx.store.records import AttemptState
from styx.testing.memory.account import MemoryAccount
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, World, quiet

pytestmark = pytest.mark.usefixtures("shared_cache")  # catalogs are asked what data cost to move

CHEAPEST = Decimal("0.10")
NEXT = Decimal("0.15")


class Confined(MemoryCloud):
    """A cloud whose nodes share a machine."""

    traits = Traits(Idempotency.TOKEN, token_lifetime=86400.0, confined=True)


async def test_the_plan_is_that_of_the_admitted_task(world: World) -> None:
    """The policies have had their say, once, before a choice is shown; the launch asks them once more, not twice."""
    asked = []

    def bigger(task, operation):
        asked.append(task.get("num_nodes", 1))
        return {**task, "num_nodes": 2 * asked[-1], "resources": {"infra": "memory/west"}}

    world.hooks["styx_policy"] = bigger
    engine = world.engine()
    found = await engine.plan(HELLO, quiet)
    assert (found.choices[0].offer.region, found.choices[0].hourly_cost) == ("west", 2 * NEXT)
    await engine.launch(HELLO, "c", quiet, agreed_hourly_cost=found.choices[0].hourly_cost)
    record = world.record()
    assert record is not None
    assert (record.num_nodes, record.hourly_cost, asked) == (2, 2 * NEXT, [1, 1])


async def test_a_policy_refuses_before_clouds_are_asked(world: World) -> None:
    """Its reason comes even for what nobody sells."""

    def no_gpus(task, operation):
        raise BadInput("no GPUs on Fridays")

    world.hooks["styx_policy"] = no_gpus
    with pytest.raises(BadInput, match="Fridays"):
        await world.engine().plan(HELLO.override({"accelerators": "NoSuch:8"}), quiet)


async def test_nothing_dearer_than_agreed_is_made(world: World) -> None:
    """What costs more than the user agreed to is refused before anything is asked for, with both prices."""
    engine = world.engine()
    with pytest.raises(
        NoOffer, match=r"small on memory/east/east-a costs \$0\.10/h, and \$0\.05/h were agreed to"
    ) as no:
        await engine.launch(HELLO, "c", quiet, agreed_hourly_cost=Decimal("0.05"))
    assert "--yes" in (no.value.hint or "")
    with pytest.raises(NoOffer, match="and nothing was agreed to"):
        await engine.launch(HELLO, "c", quiet, agreed_hourly_cost=Decimal(0))
    assert (world.record(), world.machines()) == (None, [])
    await engine.launch(HELLO, "c", quiet, agreed_hourly_cost=CHEAPEST)
    assert len(world.machines()) == 1


async def test_an_unknown_price_is_not_what_was_agreed_to(world: World) -> None:
    """A machine without a price may cost anything."""
    world.account.offers = tuple(replace(offer, hourly_price=None) for offer in world.account.offers)
    with pytest.raises(NoOffer, match="has no known price"):
        await world.engine().launch(HELLO, "c", quiet, agreed_hourly_cost=Decimal(5))
    assert world.machines() == []


async def test_failover_stays_within_what_was_agreed_to(world: World) -> None:
    """When the cheap place has none left, a dearer one is not taken instead; the error says that it was there."""
    engine = world.engine()
    world.account.fail_next("launch", InsufficientCapacity("none left"))
    with pytest.raises(NoOffer) as refused:
        await engine.launch(HELLO, "c", quiet, agreed_hourly_cost=CHEAPEST)
    assert "none left" in refused.value.message
    assert r"small on memory/west/west-a: costs $0.15/h, and $0.10/h were agreed to" in refused.value.message
    assert world.machines() == []
    await engine.launch(HELLO, "c", quiet, agreed_hourly_cost=NEXT)
    assert [machine.place for machine in world.machines()] == ["west"]


async def test_the_plan_knows_about_autostop(new_world: Callable[..., World]) -> None:
    """A plan with an autostop that no cloud could enforce is refused as the launch would be."""
    world = new_world(type("NoSelfStop", (MemoryCloud,), {"traits": Traits(Idempotency.TOKEN)}))
    with pytest.raises(Unsupported, match="autostop"):
        await world.engine().plan(HELLO, quiet, autostop=Autostop(idle_minutes=5))


async def test_files_that_a_cloud_cannot_have(new_world: Callable[..., World], tmp_path) -> None:
    """An absolute path is refused before anything is rented where nodes share a machine, and else goes elsewhere."""
    (tmp_path / "f").touch()
    task = HELLO.mount("/data/f", tmp_path / "f")
    world = new_world(Confined)
    with pytest.raises(InvalidTask, match=r"memory: its nodes share a machine and cannot have '/data/f'"):
        await world.engine().launch(task, "c", quiet)
    assert (world.record(), world.machines()) == (None, [])
    other = MemoryAccount()
    other.offers = tuple(replace(offer, cloud="other", hourly_price=Decimal(9)) for offer in other.offers)
    world.clouds["other"] = (type("Other", (MemoryCloud,), {"name": "other"}), other)
    found = await world.engine().plan(task, quiet)
    assert {choice.offer.cloud for choice in found.choices} == {"other"}
    assert any("/data/f" in rejection.reason for rejection in found.rejections)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"workdir": {"url": "https://me:hunter2@example.org/x"}}, "holds a password or token"),
        ({"file_mounts": {"d": {"name": "bucket"}}}, "which store a bucket is to be in"),
        ({"file_mounts": {"d": "nosuch://bucket"}}, "understands nosuch://"),
    ],
)
async def test_files_that_no_cloud_can_have(world: World, changes, error: str) -> None:
    """What could be put on no node is refused before one is made for it."""
    with pytest.raises(StyxError, match=error):
        await world.engine().launch(HELLO.override(changes), "c", quiet)
    assert world.account.calls == []


@pytest.mark.parametrize(
    ("wanted", "reason", "hint"),
    [
        ({"infra": "memory/wset"}, "has no region 'wset'; there are east, west", "Did you mean 'west'?"),
        ({"infra": "memory/east/east-b"}, "has no zone 'east-b'; there is east-a", "Did you mean 'east-a'?"),
        ({"instance_type": "lagre"}, "has no instance type 'lagre'; there are gpu, large, small", "'large'"),
        ({"accelerators": "H100:1"}, "gpu: 1x A100, wanted 1x H100", "styx check"),
    ],
)
async def test_what_there_is_instead(world: World, wanted, reason: str, hint: str) -> None:
    """Where nothing fits the error says what the cloud has of the kind that was named, and what may have been meant."""
    with pytest.raises(NoOffer) as refused:
        await world.engine().plan(HELLO.override(wanted), quiet)
    assert refused.value.reasons == {"memory": reason}
    assert hint in (refused.value.hint or "")


async def test_what_is_taken(world: World) -> None:
    """When what would fit is not free the error names those machines, not those that would not fit anyhow."""
    world.account.offers = tuple(replace(offer, available=0) for offer in world.account.offers)
    with pytest.raises(NoOffer) as refused:
        await world.engine().plan(HELLO.override({"cpus": "16"}), quiet)
    assert refused.value.reasons == {"memory": "large in east: 0 free, wanted 1; large in west: 0 free, wanted 1"}
    assert "styx down" in (refused.value.hint or "")


async def test_a_cloud_that_sells_nothing_says_why(world: World) -> None:
    """A cloud that is not set up is told from one that has nothing."""
    world.account.offers = ()
    engine = world.engine()
    with pytest.raises(NoOffer, match="memory: has nothing to rent"):
        await engine.plan(HELLO, quiet)
    world.account.fail_next("check", AuthFailed("no machines are listed"))
    with pytest.raises(NoOffer, match="memory: no machines are listed"):
        await world.engine().plan(HELLO, quiet)


async def test_a_cloud_that_cannot_be_used(world: World) -> None:
    """A name that no plugin has is bad input; a plugin that cannot be used gives its own reason and fix."""
    engine = world.engine()
    with pytest.raises(BadInput, match="no plugin provides a cloud named 'memroy'"):
        await engine.plan(HELLO.override({"infra": "memroy"}), quiet)

    def load(kind, name):
        raise PluginError("cloud 'acme' cannot be used (disabled)", hint="styx plugins enable acme", status="disabled")

    engine.context.plugins.load = load
    with pytest.raises(PluginError, match="disabled") as refused:
        await engine.plan(HELLO.override({"infra": "acme"}), quiet)
    assert refused.value.hint == "styx plugins enable acme"


async def test_an_alternative_on_a_cloud_that_cannot_be_used(world: World) -> None:
    """It cannot be had, and the others can; where none of these fits either, its reason is told beside theirs."""
    engine = world.engine()
    either = [{"infra": "fluidstack"}, {"infra": "memory", "instance_type": "small"}]
    for several in ("any_of", "ordered"):
        found = await engine.plan(HELLO.override({"resources": {several: either}}), quiet)
        assert {choice.offer.cloud for choice in found.choices} == {"memory"}
    either[1]["instance_type"] = "huge"
    story = "fluidstack: no plugin provides a cloud named 'fluidstack'\n  memory: has no instance type 'huge'"
    with pytest.raises(NoOffer, match=story):
        await engine.plan(HELLO.override({"resources": {"any_of": either}}), quiet)


async def test_a_cloud_that_is_not_allowed(world: World) -> None:
    """One that the settings leave out is named with what they allow."""
    engine = world.engine()
    engine.context.config = replace(engine.context.config, allowed_clouds=("aws",))
    engine.context.clouds._config = engine.context.config
    with pytest.raises(BadInput, match=r"'memory' is not in allowed_clouds \(aws\)"):
        await engine.plan(HELLO.override({"infra": "memory"}), quiet)


@pytest.mark.parametrize("during", ["check", "prepare"])
async def test_interrupted_before_anything_was_asked_for(world: World, during: str) -> None:
    """A launch that is cancelled before the provider was called leaves no record, for there is nothing behind it."""
    engine = world.engine()
    task: list[asyncio.Task[object]] = []
    loop = asyncio.get_running_loop()

    class Watched(MemoryCloud):
        pass

    def interrupted(self, *arguments):
        loop.call_soon_threadsafe(task[0].cancel)
        return getattr(MemoryCloud, during)(self, *arguments)

    setattr(Watched, during, interrupted)
    world.clouds["memory"] = (Watched, world.account)
    task.append(asyncio.ensure_future(engine.launch(HELLO, "c", quiet)))
    with pytest.raises(asyncio.CancelledError):
        await task[0]
    assert (world.record(), world.machines()) == (None, [])
    assert all(attempt.state is AttemptState.CLOSED for attempt in world.store.attempts.of("c"))


async def test_interrupted_after_the_provider_was_asked(world: World) -> None:
    """A launch that is cancelled once machines may exist keeps its record, and goes on from there."""
    engine = world.engine()
    task: list[asyncio.Task[object]] = []
    loop = asyncio.get_running_loop()

    class Watched(MemoryCloud):
        def launch(self, prepared):
            loop.call_soon_threadsafe(task[0].cancel)
            return super().launch(prepared)

    world.clouds["memory"] = (Watched, world.account)
    task.append(asyncio.ensure_future(engine.launch(HELLO, "c", quiet)))
    with pytest.raises(asyncio.CancelledError):
        await task[0]
    assert world.record() is not None
    world.clouds["memory"] = (MemoryCloud, world.account)
    await world.engine().launch(HELLO, "c", quiet)
    assert len(world.machines()) == 1


async def test_a_cloud_that_is_busy_holds_nobody_up_for_long(world: World) -> None:
    """One of many is waited for half a minute, and is then left out with its own words; one that is named, longer."""
    slow = MemoryAccount(name="slow")
    world.clouds["slow"] = (type("Slow", (MemoryCloud,), {"name": "slow"}), slow)
    for _ in range(100):
        slow.fail_next("offers", RateLimited("slow down", retry_after=5))
    before = world.clock.monotonic()
    found = await world.engine().plan(HELLO, quiet)
    assert world.clock.monotonic() - before <= GLANCE_SECONDS
    assert {choice.offer.cloud for choice in found.choices} == {"memory"}
    assert found.unasked == {"slow": "slow down"}
