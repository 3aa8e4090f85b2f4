"""What the rules for clouds stand on: when they are skipped, when they fail, and when they believe a listing."""

# ruff: noqa: D102 - the class says what is special about its methods

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from styx.api import (
    Boot,
    Cloud,
    LaunchOutcome,
    LaunchState,
    NodeState,
    Observation,
    OfferQuery,
    Owner,
    Prepared,
    QuotaExceeded,
    Receipt,
    Scope,
    Traits,
)
from styx.testing import Driver, FakeClock, services
from styx.testing.bazaar import BazaarCloud, Habits, Market, bazaar
from styx.testing.bazaar.named import with_habits
from styx.testing.cloud.lab import RUNNING_TEST, Lab
from styx.testing.cloud.observing import ObserveRules
from styx.testing.cloud.spending import SpendingRules
from styx.testing.cloud.terminating import TerminateRules
from styx.testing.memory import MemoryAccount, MemoryCloud

HASTY = replace(MemoryCloud.traits, boot_deadline=2.0)
NewLab = Callable[[type[MemoryCloud]], Lab]


def lab_of(cloud: Cloud) -> Lab:
    """A lab on the cheapest offer."""
    driver = Driver(cloud.services.clock, call_timeout=None)
    offer = min(cloud.offers(OfferQuery()), key=lambda offer: offer.hourly_price or 0)
    return Lab(cloud, offer, Boot("ssh-ed25519 key"), driver, cloud.traits.boot_deadline)


@pytest.fixture
def new_lab(tmp_path: Path) -> NewLab:
    """Makes labs for clouds in memory."""
    return lambda kind: lab_of(kind(services(tmp_path, MemoryAccount(), clock=FakeClock())))


class FirstMachine(MemoryCloud):
    """A listing with pages of one, of which the first is read."""

    traits: ClassVar[Traits] = HASTY

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = super().observe(scope, owners)
        return replace(seen, nodes=seen.nodes[:1])


class NeverBoots(MemoryCloud):
    """Machines that stay pending."""

    traits: ClassVar[Traits] = HASTY

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = super().observe(scope, owners)
        return replace(seen, nodes=tuple(replace(node, state=NodeState.PENDING) for node in seen.nodes))


class Crashes(MemoryCloud):
    """A bug that more than one rank brings out."""

    def launch(self, prepared: Prepared) -> Receipt:
        return super().launch(prepared) if len(prepared.ranks) == 1 else {}["ranks"]  # type: ignore[no-any-return]


class SpotCrashes(MemoryCloud):
    """A bug that spot brings out."""

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        return super()._create(prepared, payload) if not payload["spot"] else {}["spot"]  # type: ignore[no-any-return]


class OneEach(MemoryCloud):
    """An account that may have one machine."""

    def launch(self, prepared: Prepared) -> Receipt:
        if len(prepared.ranks) > 1:
            raise QuotaExceeded("one machine is what you may have")
        return super().launch(prepared)


class RefusesLater(FirstMachine):
    """Accepts two, finds no room for the second, and says so."""

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        (owner,) = owners or ()
        told = LaunchOutcome("t", owner, LaunchState.FAILED, QuotaExceeded("no room for a second one"))
        return replace(super().observe(scope, owners), launches=(told,))


class AcceptsOne(MemoryCloud):
    """Makes one machine, and says so in the receipt."""

    traits: ClassVar[Traits] = HASTY

    def launch(self, prepared: Prepared) -> Receipt:
        return super().launch(replace(prepared, ranks=prepared.ranks[:1]))


@pytest.mark.parametrize("kind", [FirstMachine, Crashes])
def test_what_goes_wrong_among_others_alone_is_a_failure(new_lab: NewLab, kind: type[MemoryCloud]) -> None:
    """Nodes that were accepted and never show, where one alone does, fail the rule: no other rule would."""
    lab = new_lab(kind)
    with pytest.raises(AssertionError, match="one machine alone runs, but not ranks \\[0, 1\\]"):
        ObserveRules().test_every_page_is_read(lab, 2)
    lab.clean_up()


def test_spot_machines_that_cannot_be_asked_for_are_a_failure(new_lab: NewLab) -> None:
    """The same holds for what is asked for in another way than by the rule that others stand on."""
    lab = new_lab(SpotCrashes)
    with pytest.raises(AssertionError, match="one machine alone runs"):
        SpendingRules().test_spot_is_bought_as_spot(lab, list(lab.cloud.offers(OfferQuery())))


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (OneEach, "declined: QuotaExceeded"),
        (RefusesLater, "declined: no room for a second one"),
        (AcceptsOne, r"declined: of ranks \[0, 1\] it accepted \[0\]"),
        (NeverBoots, RUNNING_TEST),
    ],
)
def test_a_rule_without_ground_is_skipped(new_lab: NewLab, kind: type[MemoryCloud], why: str) -> None:
    """Where the provider says that it will not, or the rule that is named fails as well, nothing is wrong here."""
    with pytest.raises(pytest.skip.Exception, match=why):
        new_lab(kind).running(range(2))


def test_the_rule_that_is_named_is_not_tried_again(new_lab: NewLab) -> None:
    """A single machine that never runs is skipped at once: the rule that is named asks for just that."""
    lab = new_lab(NeverBoots)
    with pytest.raises(pytest.skip.Exception, match=RUNNING_TEST):
        lab.running()
    assert [call.method for call in lab.cloud.account.calls].count("launch") == 1  # type: ignore[attr-defined]


@pytest.fixture(params=[0, 1], ids=["shown", "hidden"])
def flickering(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[type[BazaarCloud] | None], Lab]:
    """Makes labs on listings that flicker; the next has what is new, or has it not."""

    def make(kind: type[BazaarCloud] | None = None) -> Lab:
        habits = with_habits("flickers", "leftovers", "slow-removal")
        assert habits is not None
        market = Market.in_memory(habits)
        lab = lab_of((kind or bazaar(habits))(services(tmp_path, market, clock=market.clock)))
        for _ in range(request.param):
            lab.look(None)
        return lab

    return make


class NoFilter(bazaar(Habits(late_births=8.0, late_deaths=8.0, flickers=True))):  # type: ignore[misc]
    """Everybody's machines, whoever's are asked for."""

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        del owners
        seen: Observation = super().observe(scope, None)
        return seen


class TakesAll(bazaar(Habits(late_births=8.0, late_deaths=8.0, flickers=True))):  # type: ignore[misc]
    """Removes every attempt of the cluster; what is gone is listed for a while."""

    def terminate(self, scope: Scope, owner: Owner, receipts: Any) -> None:
        for machine in self.market.machines():
            theirs, _ = self._identify(machine)
            if theirs.cluster == owner.cluster:
                super().terminate(scope, theirs, [Receipt("t", {0: machine.id})])


def test_an_honest_flicker_breaks_no_rule(flickering: Callable[..., Lab]) -> None:
    """What a listing leaves out before settle_after is not missing, and what it leaves out then is not gone yet."""
    ObserveRules().test_everything_includes_each_owner(flickering(), 2)
    TerminateRules().test_terminate_removes_every_node(flickering(), 2)
    TerminateRules().test_second_attempt_stays(flickering())


def test_no_flicker_hides_a_broken_rule(flickering: Callable[..., Lab]) -> None:
    """What is listed wrongly, or lost, is seen whichever replica answers first."""
    with pytest.raises(AssertionError, match="shows nodes of others"):
        ObserveRules().test_owners_filter(flickering(NoFilter))
    with pytest.raises(AssertionError, match="belong to another attempt"):
        TerminateRules().test_second_attempt_stays(flickering(TakesAll))
