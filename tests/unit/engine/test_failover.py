"""Failover: around what was refused, to this launch and to others, for as long as the refusal means it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from styx.api import (
    AuthFailed,
    ClusterBusy,
    Conflict,
    InsufficientCapacity,
    NoOffer,
    Offer,
    OutcomeUnknown,
    PermissionDenied,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    Scope,
    StyxError,
    Traits,
)
from styx.engine import obtain
from styx.engine.failover import BACKOFF, FIRST_PAUSE, LONGEST_PAUSE, where
from styx.optimizer.blocks import CAPACITY
from styx.optimizer.rank import Choice
from styx.spec import Resources
from styx.spec.infra import infra
from styx.spec.model import Alternative
from styx.spec.place import Place
from styx.testing.memory.kinds import SwitchableMemoryCloud
from support.world import HELLO, World, quiet

SMALL = HELLO.resources(Resources(instance_type="small"))
NONE = InsufficientCapacity("none left")


class Story:
    """Progress that is kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, phase: str, sentence: str) -> None:
        """Keep it."""
        self.lines.append(sentence)


def places(world: World) -> list[str]:
    """Where machines were asked for, in turn."""
    return [call.arguments[0].scope.name for call in world.account.calls if call.method == "launch"]


async def test_what_one_launch_was_refused_others_do_not_ask_for(world: World) -> None:
    """The second launch goes at once where the first ended up, and says so; the record of it outlives both."""
    world.account.fail_next("launch", NONE)
    await world.engine().launch(SMALL, "first", quiet)
    story = Story()
    await world.engine().launch(SMALL, "second", story)
    assert places(world) == ["east", "west", "west"]
    passed = "small on memory/east/east-a: refused a moment ago, and asked for last: none left"
    assert [line for line in story.lines if "a moment ago" in line] == [passed]


async def test_a_block_ends(world: World) -> None:
    """Once it has ended, the cheapest place is asked first again."""
    world.account.fail_next("launch", NONE)
    await world.engine().launch(SMALL, "first", quiet)
    await world.clock.sleep(CAPACITY.total_seconds())
    await world.engine().launch(SMALL, "second", quiet)
    assert places(world) == ["east", "west", "east"]


async def test_a_block_rules_out_the_type_alone(world: World) -> None:
    """Where one type is used up, another may well be had."""
    world.account.fail_next("launch", NONE)
    await world.engine().launch(SMALL, "first", quiet)
    await world.engine().launch(HELLO.resources(Resources(instance_type="large")), "second", quiet)
    assert places(world) == ["east", "west", "east"]


async def test_what_only_others_were_refused_is_the_last_resort(world: World) -> None:
    """Who asks for that very thing gets the provider's own answer, and is not put off by somebody else's."""
    for _ in range(2):
        world.account.fail_next("launch", NONE)
    with pytest.raises(NoOffer):
        await world.engine().launch(SMALL, "first", quiet)
    await world.engine().launch(SMALL, "second", quiet)
    assert places(world) == ["east", "west", "east"]


async def test_what_is_passed_over_is_not_looked_up_one_by_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many places a refusal rules out, the record of refusals is read before the launch and after its call."""
    east = world.account.offers[0]
    world.account.offers = tuple(replace(east, zone=f"east-{number}") for number in range(50))
    world.account.fail_next("launch", InsufficientCapacity("none left", scope="east"))
    engine, reads = world.engine(), []
    standing = engine.context.store.blocks.standing
    monkeypatch.setattr(engine.context.store.blocks, "standing", lambda: reads.append(1) or standing())
    with pytest.raises(NoOffer):
        await engine.launch(SMALL, "c", quiet)
    assert (places(world), len(reads)) == (["east"], 2)


@pytest.mark.parametrize("error", [Conflict("taken"), AuthFailed("expired")], ids=lambda error: error.code)
async def test_what_says_nothing_of_others_is_not_remembered(world: World, error: ProviderError) -> None:
    """Credentials are mended and names become free: the next launch begins anew."""
    for _ in range(2):
        world.account.fail_next("launch", error)
    with pytest.raises(NoOffer):
        await world.engine().launch(SMALL, "first", quiet)
    world.account._failures.clear()
    await world.engine().launch(SMALL, "second", quiet)
    assert places(world)[-1] == "east"
    assert world.store.blocks.standing() == []


async def test_the_pauses_grow(world: World) -> None:
    """With -r it waits longer each time, up to a limit, and never asks for what is still refused."""
    rounds = 9
    for _ in range(2 * rounds):
        world.account.fail_next("launch", Conflict("taken"))
    story = Story()
    await world.engine().launch(SMALL, "c", story, retry_until_up=True)
    pauses = [float(line.split()[-2]) for line in story.lines if "trying again" in line]
    expected = [min(FIRST_PAUSE * BACKOFF**each, LONGEST_PAUSE) for each in range(rounds)]
    assert pauses == [pytest.approx(each, abs=0.51) for each in expected]


async def test_it_waits_until_the_refusal_ends(world: World) -> None:
    """Capacity that is gone for minutes is not asked for in seconds, however patient the caller is."""
    for _ in range(2):
        world.account.fail_next("launch", NONE)
    before = world.clock.monotonic()
    await world.engine().launch(SMALL, "c", quiet, retry_until_up=True)
    assert places(world) == ["east", "west", "east"]
    assert world.clock.monotonic() - before >= CAPACITY.total_seconds()


async def test_no_patience_helps_against_bad_credentials(world: World) -> None:
    """With -r too, a launch ends when all that fits is ruled out as long as it lasts."""
    world.account.fail_next("launch", AuthFailed("expired"))
    with pytest.raises(NoOffer, match="expired"):
        await world.engine().launch(SMALL, "c", quiet, retry_until_up=True)
    assert world.record() is None


async def test_what_was_refused_alike_is_told_once(world: World) -> None:
    """One line as it happens and one at the end, with the places, and with what the refusal itself advises."""
    sold = [f"type-{number}" for number in range(5)]
    east = world.account.offers[0]
    world.account.offers = tuple(replace(east, instance_type=name) for name in sold)
    for _ in sold:
        world.account.fail_next("launch", QuotaExceeded("the quota is used up", hint="Raise the quota."))
    story = Story()
    with pytest.raises(NoOffer) as refused:
        await world.engine().launch(HELLO, "c", story)
    assert len([line for line in story.lines if "used up" in line]) == 1
    first = ", ".join(f"{name} on memory/east/east-a" for name in sold[:3])
    assert refused.value.message.splitlines()[1:] == [f"  {first} and 2 more: the quota is used up"]
    assert refused.value.hint == "Raise the quota. -r/--retry-until-up keeps trying."
    assert len(refused.value.reasons) == len(sold)


async def test_bad_credentials_end_it_at_once(world: World) -> None:
    """Also where others were refused something a moment ago: none of that is asked for, nor told again."""
    world.account.fail_next("launch", NONE)
    await world.engine().launch(SMALL, "first", quiet)
    world.account.fail_next("launch", PermissionDenied("may not run", action="run", hint="Allow run."))
    with pytest.raises(NoOffer) as refused:
        await world.engine().launch(SMALL, "second", quiet)
    assert places(world) == ["east", "west", "west"]
    assert refused.value.message.splitlines()[1:] == ["  small on memory/west/west-a: may not run"]
    assert refused.value.hint == "Allow run."


async def test_what_a_launch_may_not_look_at_is_told_and_billed(world: World) -> None:
    """Its machines were made and nobody may list them: the error names the command that removes them."""
    for _ in range(9):
        world.account.fail_next("observe", PermissionDenied("may not list", action="list", hint="Allow list."))
    with pytest.raises(NoOffer) as refused:
        await world.engine().launch(SMALL, "c", quiet)
    assert (refused.value.hint or "").startswith("Allow list. ")
    assert "`styx down c`" in (refused.value.hint or "")
    assert [span.cluster for span in world.store.spans.going_on()] == ["c"]


@pytest.mark.parametrize(("error", "helps"), [(AuthFailed("expired."), False), (Conflict("taken."), True)])
async def test_patience_is_only_advised_where_it_may_help(world: World, error: ProviderError, helps: bool) -> None:
    """What is wrong with credentials is not waited for; and sentences are told with one stop."""
    for _ in range(2):
        world.account.fail_next("launch", error)
    story = Story()
    with pytest.raises(NoOffer) as refused:
        await world.engine().launch(SMALL, "c", story)
    assert ("--retry-until-up" in (refused.value.hint or "")) is helps
    assert "`styx check`" in (refused.value.hint or "")
    assert any(f"{error.message.rstrip('.')}; " in line for line in story.lines)


async def test_the_plan_is_redone(world: World) -> None:
    """An offer that comes up while it waits is taken; one that is no longer made is not asked for."""
    for _ in range(2):
        world.account.fail_next("launch", NONE)
    east = world.account.offers[0]
    north = replace(east, scope=type(east.scope)("north"), region="north", zone="north-a", hourly_price=Decimal("0.01"))

    def progress(phase: str, sentence: str) -> None:
        if "trying again" in sentence:
            world.account.offers = (north,)

    await world.engine().launch(SMALL, "c", progress, retry_until_up=True)
    assert places(world) == ["east", "west", "north"]


async def test_the_story_is_told_and_kept(world: World) -> None:
    """Each refusal is a line of progress with what is passed over and how long, and an event of the cluster."""
    world.account.fail_next("launch", NONE)
    story = Story()
    await world.engine().launch(SMALL, "c", story)
    line = "small on memory/east/east-a: none left; small in east-a is not asked for again for 3 min"
    assert line in story.lines
    assert "small on memory/east/east-a: none left" in world.reasons()


@pytest.mark.parametrize(
    ("region", "zone", "place"),
    [("", None, "acme"), ("east", None, "acme/east"), ("east", "east-a", "acme/east/east-a"), ("", "a", "acme/*/a")],
)
def test_places_are_named_as_infra_takes_them(region: str, zone: str | None, place: str) -> None:
    """What is read in the progress of a launch can be asked for; what a provider lists in one go cannot."""
    offer = Offer("acme", Scope("this"), "box", 1, 1, region=region, zone=zone)
    assert where(Choice(offer, Alternative(), None)) == f"box on {place}"
    assert str(infra(place, Place())) == place


@pytest.mark.parametrize("pause", [1e300, 1e12, float("nan"), float("inf"), "soon"])
async def test_a_pause_that_is_no_length_of_time(world: World, pause: Any) -> None:
    """A launch that is refused so ends with an error that says so, and leaves no record."""
    for _ in range(1000):
        world.account.fail_next("launch", RateLimited("slow down", retry_after=pause))
    with pytest.raises(StyxError, match="slow down"):
        await world.engine().launch(SMALL, "c", quiet)
    assert world.record() is None


async def test_a_moment_where_a_pause_is_meant(world: World) -> None:
    """Who is told when, instead of how long, passes the place over for minutes, and with -r asks again then."""
    for _ in world.account.offers:
        world.account.fail_next("launch", RateLimited("slow down", retry_after=1_900_000_000.0))
    await world.engine().launch(SMALL, "c", quiet, retry_until_up=True)
    assert world.clock.monotonic() <= 3600


LAG = 30.0  # seconds that the listing may be behind


class Lagging(SwitchableMemoryCloud):
    """A cloud whose absences count only after a while."""

    traits: ClassVar[Traits] = replace(SwitchableMemoryCloud.traits, settle_after=LAG)


@pytest.fixture
async def lagging(tmp_path: Path) -> AsyncIterator[World]:
    """A world with that cloud, which sells in ten zones."""
    world = World(tmp_path, Lagging)
    east = world.account.offers[0]
    world.account.offers = tuple(replace(east, zone=f"east-{number}") for number in range(10))
    yield world
    await world.close()


async def test_the_next_place_is_asked_at_once(lagging: World) -> None:
    """Nobody waits for the proof that a refusal made nothing while others might give what is wanted."""
    for number in range(9):
        lagging.account.fail_next("launch", InsufficientCapacity("none left", scope=f"east-{number}"))
    began = lagging.clock.monotonic()
    await lagging.engine().launch(SMALL, "c", quiet)
    assert lagging.clock.monotonic() - began < LAG
    await lagging.clock.sleep(LAG)
    await lagging.engine().status(refresh=True)
    assert lagging.store.attempts.tombstones() == []


async def test_where_no_place_gives_anything_the_proof_is_waited_for_once(lagging: World) -> None:
    """After ten refusals the record goes with all that stood for them, one lag later."""
    for number in range(10):
        lagging.account.fail_next("launch", InsufficientCapacity("none left", scope=f"east-{number}"))
    began = lagging.clock.monotonic()
    with pytest.raises(NoOffer):
        await lagging.engine().launch(SMALL, "c", quiet)
    assert LAG <= lagging.clock.monotonic() - began < 2 * LAG
    assert (lagging.store.clusters.list(), lagging.store.attempts.unclosed()) == ([], [])


async def test_what_was_not_answered_is_waited_for(lagging: World) -> None:
    """A call whose answer was lost may have made machines: they are looked for before another place is asked."""
    lagging.account.fail_next("launch", OutcomeUnknown("no answer"))
    lagging.account.fail_next("launch", NONE)
    began = lagging.clock.monotonic()
    await lagging.engine().launch(SMALL, "c", quiet)
    assert lagging.clock.monotonic() - began >= LAG


async def test_others_that_removed_the_cluster_as_it_came_up(lagging: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that was suspended while it tidied up finds the cluster gone, and says so."""
    lagging.account.fail_next("launch", InsufficientCapacity("none left", scope="east-0"))

    async def suspended(*_: object, **__: object) -> None:
        lagging.store.clusters.remove("c", "removed by the user")

    monkeypatch.setattr(obtain, "remove", suspended)
    with pytest.raises(ClusterBusy, match="another client has removed cluster"):
        await lagging.engine().launch(SMALL, "c", quiet)
