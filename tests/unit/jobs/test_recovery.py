"""Where a job goes on that has lost its cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from styx.api import BadInput, StyxError
from styx.engine.obtain import Wish, plan_machines
from styx.hookspecs import Leaning, Loss, Site
from styx.jobs import names
from styx.jobs.outcome import loss
from styx.jobs.recovery import leaning, require_known
from support.world import HELLO, World, quiet

LOST = Loss(7, "t", 1, Site("aws", "us-east-1", "us-east-1a"), "m5.large", spot=True, preempted=True)

SAME = Leaning(prefer=(LOST.site, Site("aws", "us-east-1")))


class Plugins:
    """Plugins that answer the hook, or do not."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def first(self, hook: str, *, strategy: str, loss: Loss) -> object:
        """What the first of them says."""
        assert (hook, strategy, loss) == ("styx_recovery", "mine", LOST)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Answers(Plugins):
    """Plugins that are asked about a loss of nothing."""

    def first(self, hook: str, *, strategy: str, loss: Loss) -> object:
        """What the first of them says."""
        assert (hook, loss.job) == ("styx_recovery", 0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_the_strategies_of_core() -> None:
    """One asks for the same place first, the other last; no plugin is asked."""
    assert leaning(Plugins(None), "failover", LOST) == (SAME, "")  # type: ignore[arg-type]
    assert leaning(Plugins(None), "eager_next_region", LOST) == (Leaning(avoid=(Site("aws", "us-east-1"),)), "")  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [None, BadInput("no"), "nonsense"])
def test_a_strategy_that_nobody_knows_or_that_fails_is_failover(answer: object) -> None:
    """And why is said, for the job's history."""
    found, why = leaning(Plugins(answer), "mine", LOST)  # type: ignore[arg-type]
    assert found == SAME
    assert why


def test_a_strategy_of_a_plugin() -> None:
    """Is asked with what is known of the loss."""
    mine = Leaning(avoid=(Site("gcp"),))
    assert leaning(Plugins(mine), "mine", LOST) == (mine, "")  # type: ignore[arg-type]


def test_a_strategy_has_to_be_somebodys() -> None:
    """As a job is handed in; one whose plugin fails there is known, and so is one that is written otherwise."""
    for known in (None, "failover", "EAGER-NEXT-REGION"):
        require_known(Answers(None), known)  # type: ignore[arg-type]
    for answer in (SAME, StyxError("not now")):
        require_known(Answers(answer), "mine")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="'their'") as refused:
        require_known(Answers(None), "their")  # type: ignore[arg-type]
    assert "failover, eager_next_region" in (refused.value.hint or "")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world with a cloud that knows tokens."""
    made = World(tmp_path / "home")
    yield made
    await made.close()


async def test_places_are_asked_in_the_order_of_the_leaning(world: World) -> None:
    """Preferred ones first, whatever they cost, and avoided ones last; nothing is left out."""
    context = world.engine().context

    async def order(wanted: Leaning | None) -> list[str]:
        found = await plan_machines(context, Wish(HELLO.spec, "c", leaning=wanted), quiet)
        return [choice.offer.region for choice in found.choices]

    plain = await order(None)
    dearest = plain[-1]
    assert (await order(Leaning(prefer=(Site("", dearest),))))[0] == dearest
    avoiding = await order(Leaning(avoid=(Site("", plain[0]),)))
    assert avoiding[-1] == plain[0]
    assert sorted(avoiding) == sorted(plain)


def test_nothing_is_said_of_a_cluster_of_which_nothing_is_known() -> None:
    """There is no place to prefer then."""
    assert loss(1, "t", 1, {}) is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train", "train-7"),
        ("my job/2", "my-job-2-7"),
        ("7up", "t7up-7"),
        ("...", "t-7"),
        ("x" * 80, f"{'x' * 40}-7"),
    ],
)
def test_clusters_are_called_after_their_job(name: str, found: str) -> None:
    """As far as a cluster may be called so; a further run adds its number."""
    assert names.cluster(name, 7) == found
    assert names.cluster(name, 7, 2) == f"{found}-2"
