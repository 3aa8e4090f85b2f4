"""Every habit is a legal one: a cloud that has it passes the kit, and so do clouds that have all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from styx.api import Idempotency
from styx.testing import CloudConformance, Driver, services
from styx.testing.bazaar import BazaarCloud, Blindness, Habits, Interruption, Market, bazaar
from styx.testing.bazaar.named import with_habits

# Those that show without a stage. Unlike core, the kit does not look past an answer that gets lost.
SHOWN_TO_THE_KIT = (
    "name", "search", "none", "shared-names", "slow-launches", "late-births", "late-deaths", "flickers", "half-blind",
    "blind", "slow-removal", "not-yet", "leftovers", "no-discard", "mapped-ports", "billed-when-off", "no-stop",
    "restless", "paced", "paced-and-says-so",
)  # fmt: skip
# But for a pace: it lets so much time go by between two looks that one falls into a time of blindness.
EVERYTHING = Habits(
    late_refusals=6.0, partial=True, late_births=8.0, late_deaths=8.0, flickers=True, blindness=Blindness.HALF,
    slow_removal=4.0, not_yet=True, leftovers=True, mapped_ports=True, vanishing=True, billed_when_off=True,
    restless=True, homeless=True, interruption=Interruption.SILENT,
)  # fmt: skip


class BazaarConformance(CloudConformance):
    """The kit, on a market of the given habits and on its own time."""

    @pytest.fixture
    def habits(self, request: pytest.FixtureRequest) -> Habits:
        """What the market is like."""
        raise NotImplementedError

    @pytest.fixture
    def cloud(self, tmp_path: Path, habits: Habits) -> BazaarCloud:
        """A cloud of these habits."""
        market = Market.in_memory(habits)
        return bazaar(habits)(services(tmp_path, market, clock=market.clock))

    @pytest.fixture
    def driver(self, cloud: BazaarCloud, deadline: float) -> Driver:
        """Calls without a deadline, which is quicker: none of them hangs."""
        return Driver(cloud.services.clock, patience=deadline, call_timeout=None, pace=cloud.traits.pace)


class TestOneHabit(BazaarConformance):
    """Under each habit alone."""

    @pytest.fixture(params=SHOWN_TO_THE_KIT)
    def habits(self, request: pytest.FixtureRequest) -> Habits:
        """One habit."""
        habits = with_habits(request.param)
        assert habits is not None
        return habits


class TestAllHabits(BazaarConformance):
    """Under all of them, once for each way in which a launch is found again."""

    @pytest.fixture(params=list(Idempotency))
    def habits(self, request: pytest.FixtureRequest) -> Habits:
        """Every habit that goes with this idempotency."""
        tokens = request.param is Idempotency.TOKEN
        return replace(
            EVERYTHING, idempotency=request.param, spent_tokens=tokens, strict_tokens=tokens, zonal_tokens=tokens,
            shared_names=tokens, no_discard=request.param is Idempotency.SEARCH,
        )  # fmt: skip
