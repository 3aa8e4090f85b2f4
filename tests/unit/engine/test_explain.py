"""Explanations: what fits, what was refused of late, and for each cloud that has nothing why, and what is near."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace

import pytest

from styx.api import AuthFailed, Autostop, BadInput, CatalogError, Idempotency, InsufficientCapacity, OfferQuery, Traits
from styx.api.offers import Offer, Scope
from styx.engine import explain as explaining
from styx.engine.explain import Explanation
from styx.spec import Resources, Task
from styx.testing.memory.account import MemoryAccount
from styx.testing.memory.catalog import default_offers, fits
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, World, quiet

pytestmark = pytest.mark.usefixtures("shared_cache")  # catalogs are asked what data cost to move


@pytest.fixture(autouse=True)
def _no_catalogs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "catalogs", list)


def task(**resources: object) -> Task:
    """A task that needs this."""
    return HELLO.resources(Resources(**resources))


async def explain(world: World, wanted: Task, **options: object) -> Explanation:
    """The explanation of a launch of it."""
    return await world.engine().explain(wanted, quiet, **options)  # type: ignore[arg-type]


def catalog(
    monkeypatch: pytest.MonkeyPatch, cloud: str = "far", *, launchable: bool = False, broken: bool = False
) -> None:
    """Install a catalog of a cloud that sells what the one in memory does."""

    def in_turn(query):
        if broken:
            raise CatalogError("far: prices.csv: line 3: no number", file="prices.csv", line=3)
        found = sorted(default_offers(), key=lambda offer: offer.price(spot=query.spot) or Decimal("inf"))
        return (offer for offer in found if fits(offer, query))

    shelf = SimpleNamespace(cloud=cloud, launchable=launchable)
    monkeypatch.setattr(explaining, "catalogs", lambda: [(shelf, SimpleNamespace(in_turn=in_turn))])


async def test_the_choices_are_those_of_a_launch(world: World) -> None:
    """Cheapest first; a launch takes the first."""
    found = await explain(world, task(instance_type="small"))
    assert [choice.offer.region for choice in found.choices] == ["east", "west"]
    assert (found.ruled_out, found.not_yet, found.refused) == ((), (), ())


async def test_a_cloud_that_has_nothing(world: World) -> None:
    """The one requirement that is not met, and the offer that would fit without it, with its price."""
    found = await explain(world, task(accelerators="A100:3").nodes(2))
    (out,) = found.ruled_out
    assert (out.source, out.why, out.hourly_cost) == ("memory", "1x A100, wanted 3x A100", Decimal("4.00"))
    assert out.nearest is not None
    assert out.nearest.instance_type == "gpu"


async def test_each_question_is_asked_once(world: World) -> None:
    """What a cloud has told for want of any choice is what its nearest offer is found among."""
    assert (await explain(world, task(accelerators="A100:3"))).ruled_out[0].nearest is not None
    questions = [call.arguments[0] for call in world.account.calls if call.method == "offers"]
    assert OfferQuery() in questions
    assert [questions.count(each) for each in questions] == [1] * len(questions)


async def test_a_cloud_that_cannot_be_asked(world: World) -> None:
    """Its own words, and nothing near."""
    world.account.fail_next("offers", AuthFailed("the key has expired"))
    (out,) = (await explain(world, task(instance_type="small"))).ruled_out
    assert (out.why, out.nearest) == ("the key has expired", None)


async def test_a_cloud_that_cannot_be_asked_has_a_catalog(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would have is told beside why it cannot be asked, and why even that would not do."""
    catalog(monkeypatch, "memory", launchable=True)
    for wanted, why in (({"accelerators": "A100:1"}, ""), ({"accelerators": "A100:3"}, "; 1x A100, wanted 3x A100")):
        world.account.fail_next("offers", AuthFailed("the key has expired"))
        (out,) = (await explain(world, task(**wanted))).ruled_out
        assert (out.why, out.hourly_cost) == (f"the key has expired{why}", Decimal("2.00"))
        assert out.nearest is not None
        assert out.nearest.instance_type == "gpu"


async def test_a_cloud_without_offers(new_world: Callable[..., World]) -> None:
    """One that sells nothing says so, or why it is not set up."""
    world = new_world()
    world.clouds["empty"] = (MemoryCloud, MemoryAccount(offers=[]))
    found = await explain(world, task(instance_type="small"))
    assert [(out.source, out.why) for out in found.ruled_out] == [("empty", "has nothing to rent")]
    assert len(found.choices) == 2


async def test_what_a_cloud_cannot_do_with_it(new_world: Callable[..., World]) -> None:
    """A wish that no machine there could carry out rules the cloud out, with its cheapest offer."""
    world = new_world(type("NoSelfStop", (MemoryCloud,), {"traits": Traits(Idempotency.TOKEN)}))
    found = await explain(world, task(instance_type="small"), autostop=Autostop(5))
    (out,) = found.ruled_out
    assert "autostop" in out.why
    assert (out.nearest and out.nearest.region, out.hourly_cost, found.choices) == ("east", Decimal("0.10"), ())


async def test_what_was_refused_of_late(world: World) -> None:
    """A choice that another launch was refused is shown with the reason and the end of it, and would be asked last."""
    world.account.fail_next("launch", InsufficientCapacity("none left"))
    await world.engine().launch(task(instance_type="small"), "c", quiet)
    found = await explain(world, task(instance_type="small"))
    (refused,) = found.refused
    assert (refused.choice.offer.region, refused.reason) == ("east", "none left")
    assert refused.until is not None
    assert refused.until > world.store.now()
    assert [choice.offer.region for choice in found.choices] == ["west", "east"]


class TestNotYet:
    """Clouds of which only a catalog is installed."""

    async def test_what_would_be_chosen(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are shown with their best offer, and never chosen."""
        catalog(monkeypatch)
        found = await explain(world, task(accelerators="A100:1").nodes(2))
        (far,) = found.not_yet
        assert (far.source, far.why, far.hourly_cost) == ("far", "", Decimal("4.00"))
        assert {choice.offer.cloud for choice in found.choices} == {"memory"}

    async def test_why_it_would_not_do(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """The nearest offer and what it lacks."""
        catalog(monkeypatch)
        (far,) = (await explain(world, task(accelerators="A100:3"))).not_yet
        assert far.why == "1x A100, wanted 3x A100"

    async def test_a_task_for_such_a_cloud(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """A task that names it has no choice, and is no mistake; one that allows for others has theirs."""
        catalog(monkeypatch)
        assert (await explain(world, task(infra="far"))).choices == ()
        either = task(any_of=[{"infra": "far"}, {"infra": "memory"}])
        found = await explain(world, either)
        assert {choice.offer.cloud for choice in found.choices} == {"memory"}
        assert len(found.not_yet) == 1

    async def test_no_more_is_made_of_it_than_matters(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Offers come cheapest first: after one that fits, and those of the same price, no other is looked at."""

        def in_turn(_query: OfferQuery) -> Iterator[Offer]:
            for kind, vcpus, price in (("a", 2, 1), ("c", 8, 2), ("b", 8, 2), ("d", 8, 3)):
                yield Offer("far", Scope("east"), kind, vcpus, 64, "east", hourly_price=Decimal(price))
            raise AssertionError("it was looked at")

        shelf = SimpleNamespace(cloud="far", launchable=False)
        monkeypatch.setattr(explaining, "catalogs", lambda: [(shelf, SimpleNamespace(in_turn=in_turn))])
        (far,) = (await explain(world, task(any_of=[{"cpus": "8+"}, {"cpus": "4+"}]))).not_yet
        assert (far.nearest and far.nearest.instance_type, far.hourly_cost) == ("b", Decimal(2))

    async def test_a_catalog_that_cannot_be_read(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """It says so in its own line, and nobody else's is lost."""
        catalog(monkeypatch, broken=True)
        found = await explain(world, task(instance_type="small"))
        assert "line 3" in found.not_yet[0].why
        assert len(found.choices) == 2

    async def test_a_cloud_that_launches_is_not_among_them(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its plugin answers for it."""
        catalog(monkeypatch, launchable=True)
        assert (await explain(world, task(instance_type="small"))).not_yet == ()


async def test_a_cloud_that_nobody_knows(world: World) -> None:
    """A name without plugin and catalog is a mistake of whoever wrote it."""
    with pytest.raises(BadInput, match="no plugin provides a cloud named"):
        await explain(world, task(infra="nowhere"))


async def test_a_cloud_that_nobody_knows_among_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ruled out, and the others are explained: those that can be had, and those of which only a catalog is."""
    catalog(monkeypatch)
    for other, fits_there in (("memory", 2), ("far", 0)):
        found = await explain(world, task(any_of=[{"infra": "nowhere"}, {"infra": other, "instance_type": "small"}]))
        assert len(found.choices) == fits_there
        (out,) = found.ruled_out
        assert (out.source, out.why) == ("nowhere", "no plugin provides a cloud named 'nowhere'")


async def test_a_task_that_lacks_something(world: World) -> None:
    """Where it would run can be told before its secrets and files are there."""
    assert (await explain(world, Task(run="x", secrets={"TOKEN": None}, workdir="./nowhere"))).choices
