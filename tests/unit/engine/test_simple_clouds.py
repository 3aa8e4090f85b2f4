"""The engine on clouds that are derived from calls for single machines: gangs come up whole, or nothing is left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from styx.api import Idempotency, InsufficientCapacity, NoOffer, OutcomeUnknown, QuotaExceeded, StyxError
from styx.spec import Resources
from styx.store.states import ClusterState
from support.garage import CLOUDS, AnonymousCloud, Garage, GarageCloud, SearchCloud
from support.world import HELLO, Killed, Life, World, quiet

GANG = HELLO.nodes(4)
LOST = OutcomeUnknown("no answer")


def settle_in(world: World, kind: type[GarageCloud], **traits: Any) -> Garage:
    """Make a garage the only cloud of the world."""
    garage = Garage(world.clock, unique=kind.traits.idempotency is Idempotency.NAME)
    made = type(kind.__name__, (kind,), {"traits": replace(kind.traits, **traits)})
    world.clouds = {"garage": (made, garage)}  # type: ignore[dict-item]
    return garage


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world to make a garage the cloud of."""
    made = World(tmp_path)
    yield made
    await made.close()


def kinds() -> Any:
    """Every way in which a machine is found again."""
    return pytest.mark.parametrize("kind", CLOUDS, ids=lambda kind: kind.__name__)


@kinds()
@pytest.mark.parametrize("says_so", [True, False], ids=["declared", "undeclared"])
async def test_a_gang_comes_up_at_one_request_a_second(kind: type[GarageCloud], says_so: bool, world: World) -> None:
    """However slow the provider wants it, each rank has one machine in the end, and down removes them all."""
    garage = settle_in(world, kind, **({"pace": {"": 1.0}} if says_so else {}))
    garage.spacing = 1.0
    engine = world.engine()
    await engine.launch(GANG, "c", quiet)
    assert len(garage.made) == 4
    assert world.record().state is ClusterState.UP  # type: ignore[union-attr]
    await engine.down("c", quiet)
    assert garage.made == {}


@kinds()
async def test_a_lost_answer_in_the_middle_costs_no_machine(kind: type[GarageCloud], world: World) -> None:
    """The third machine was made and nobody was told: four ranks come up, and at most that one is a stranger."""
    garage = settle_in(world, kind)
    garage.after[3] = LOST
    engine = world.engine()
    await engine.launch(GANG, "c", quiet)
    strangers = 1 if kind is AnonymousCloud else 0
    assert len(garage.made) == 4 + strangers
    await engine.down("c", quiet)
    assert list(garage.made) == (["g3"] if strangers else [])


@kinds()
async def test_a_refusal_in_the_middle_leaves_nothing_and_says_why(kind: type[GarageCloud], world: World) -> None:
    """Two of four are given back, at every place that was tried, and the reason is the provider's own."""
    garage = settle_in(world, kind)
    garage.before = {n: QuotaExceeded("two machines is all you get", resource="machines") for n in range(3, 99)}
    with pytest.raises(NoOffer):
        await world.engine().launch(GANG, "c", quiet)
    assert garage.made == {}
    if kind.traits.idempotency is not Idempotency.NAME:  # there a receipt of a part is the last word
        assert any("two machines is all you get" in reason for reason in world.reasons())


EITHER = Resources.from_dict({"any_of": [{"instance_type": "cpu"}, {"instance_type": "gpu"}]})


async def test_a_failure_that_comes_late_leads_to_the_next_place(world: World) -> None:
    """An accepted machine that is then listed as failed ends the attempt with its own error, and is deleted."""
    garage = settle_in(world, SearchCloud)
    real = garage.create

    def create(order: Any) -> str:
        id_ = real(order)
        if order.machine_type == "cpu":
            garage.change(id_, error=InsufficientCapacity("the last one went to somebody else", scope="all"))
        return id_

    garage.create = create  # type: ignore[method-assign]
    await world.engine().launch(HELLO.resources(EITHER), "c", quiet)
    assert [machine.machine_type for _, machine in garage.made.values()] == ["gpu"]
    assert any("somebody else" in reason for reason in world.reasons())


async def test_a_disk_that_is_too_small_leads_to_a_larger_type(world: World) -> None:
    """Only the machine is too small, and it is told what was wanted and what it has."""
    garage = settle_in(world, SearchCloud)
    await world.engine().launch(HELLO.resources(EITHER.disk(100)), "c", quiet)
    assert [machine.machine_type for _, machine in garage.made.values()] == ["gpu"]
    assert "cpu on garage/north: cpu on garage has a disk of its own size, and 100 GiB were asked for" in (
        world.reasons()
    )
    with pytest.raises(NoOffer, match="gpu on garage has 100 GiB, and 200 GiB were asked for"):
        await world.engine().launch(HELLO.resources(EITHER.disk(200)), "d", quiet)


async def test_an_image_that_no_machine_can_have_is_asked_for_once(world: World) -> None:
    """Not of every type and place in turn; an alternative that does without gets what it wants there."""
    settle_in(world, SearchCloud)
    told: list[str] = []
    wanted = HELLO.resources(Resources(image_id="mine").gpu("A100", 1))
    with pytest.raises(NoOffer, match="machines of garage have one image, and mine was asked for") as caught:
        await world.engine().launch(wanted, "c", lambda _, sentence: told.append(sentence))
    assert list(caught.value.reasons) == ["gpu on garage/north"]
    assert [each for each in told if each.startswith("launching")] == ["launching 1x gpu on garage/north"]
    either = Resources.from_dict({"accelerators": "A100:1", "ordered": [{"image_id": "mine"}, {"ports": 8080}]})
    await world.engine().launch(HELLO.resources(either), "c", quiet)
    assert world.record("c").state is ClusterState.UP  # type: ignore[union-attr]


@pytest.mark.parametrize("told", [True, False])
async def test_an_orphan_is_taken_up_where_it_is(told: bool, world: World) -> None:
    """One listing shows all regions: the machine tells its own, and nothing is guessed where it does not."""
    garage = settle_in(world, SearchCloud)
    await world.engine().launch(HELLO.resources(Resources(infra="garage/south").gpu("A100", 1)), "c", quiet)
    world.lose_the_database()
    if not told:
        garage.change("g1", region="")
    (orphan,) = (await world.engine().orphans()).orphans
    assert orphan.infra == ("garage/south" if told else "garage/all")
    record = await world.engine().adopt(orphan)
    assert (record.region, record.instance_type) == ("south" if told else "", "gpu")
    assert record.offer["hourly_price"] == ("1.60" if told else None)
    assert record.offer["vcpus"] == 8


@kinds()
async def test_killed_anywhere_nothing_is_lost(kind: type[GarageCloud], tmp_path: Path) -> None:
    """Whenever the client dies, the next one removes everything; without names the last machine may be a stranger."""
    for ends_at in range(200):
        world = World(tmp_path / str(ends_at))
        garage = settle_in(world, kind)
        life = Life(ends_at)
        _die_around(garage, "create", life)
        with suppress(Killed, StyxError):
            await world.engine(life).launch(HELLO.nodes(2), "c", quiet)
        if not life.over:
            await world.close()
            return
        world.clock.advance(30.0)
        if world.record() is not None:
            with suppress(StyxError):
                await world.engine().down("c", quiet)
        strangers = 1 if kind.traits.idempotency is Idempotency.NONE else 0
        assert len(garage.made) <= strangers, (ends_at, life.steps[-1])
        await world.close()
    raise AssertionError("it never ends")


def _die_around(garage: Garage, request: str, life: Life) -> None:
    """Let the client's life end before this request is made, and when it was carried out and nobody knows yet."""
    real = getattr(garage, request)

    def mortal(*args: Any) -> Any:
        life.step(f"before the request to {request}")
        answer = real(*args)
        life.step(f"after the request to {request}")
        return answer

    setattr(garage, request, mortal)
