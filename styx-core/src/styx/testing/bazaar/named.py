"""Every habit by its name, with the stage on which it shows; and which of them a provider can have together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from styx.api import Idempotency
from styx.testing.bazaar.habits import Blindness, Habits, Interruption
from styx.testing.bazaar.market import Market

CHEAPEST = "east"  # the place that a launch of the cheapest machine tries first
KIND = "small"


def _as_it_is(market: Market) -> None:
    del market


def _scarce(market: Market) -> None:
    """The cheapest place has one machine left, where two are wanted."""
    market.allow(room={f"{CHEAPEST}/{KIND}": 1})


def _doomed(market: Market) -> None:
    """The host of the first machine fails while it boots."""
    market.doom(1)


@dataclass(frozen=True, slots=True)
class Habit:
    """One habit: what it switches on, and what a test has to do to a new market so that it shows."""

    name: str
    changes: Mapping[str, Any]
    stage: Callable[[Market], None] = field(default=_as_it_is)


_ALL = (
    Habit("name", {"idempotency": Idempotency.NAME}),
    Habit("search", {"idempotency": Idempotency.SEARCH}),
    Habit("none", {"idempotency": Idempotency.NONE}),
    Habit("spent-tokens", {"spent_tokens": True}),
    Habit("strict-tokens", {"strict_tokens": True}),
    Habit("zonal-tokens", {"zonal_tokens": True}),
    Habit("late-refusals", {"late_refusals": 6.0}, _scarce),
    Habit("shared-names", {"shared_names": True}),
    Habit("partial", {"partial": True}, _scarce),
    Habit("slow-launches", {"slow_launches": 30.0}),
    Habit("lost-answers", {"lost_answers": True}),
    Habit("late-births", {"late_births": 8.0}),
    Habit("late-deaths", {"late_deaths": 8.0}),
    Habit("flickers", {"late_births": 8.0, "late_deaths": 8.0, "flickers": True}),
    Habit("half-blind", {"blindness": Blindness.HALF}),
    Habit("blind", {"blindness": Blindness.WHOLE}),
    Habit("slow-removal", {"slow_removal": 20.0}),
    Habit("not-yet", {"not_yet": True}),
    Habit("leftovers", {"leftovers": True}),
    Habit("no-discard", {"idempotency": Idempotency.SEARCH, "no_discard": True}),
    Habit("mapped-ports", {"mapped_ports": True}),
    Habit("failing-hosts", {}, _doomed),
    Habit("vanishing", {"vanishing": True}, _doomed),
    Habit("billed-when-off", {"billed_when_off": True}),
    Habit("no-stop", {"no_stop": True}),
    Habit("restless", {"restless": True}),
    Habit("homeless", {"homeless": True}),
    Habit("interrupts", {"interruption": Interruption.NOTICE}),
    Habit("outbids", {"interruption": Interruption.SILENT}),
    Habit("paced", {"pace": 1.0}),
    Habit("paced-and-says-so", {"pace": 1.0, "says_pace": True}),
)
HABITS: Mapping[str, Habit] = {habit.name: habit for habit in _ALL}


def with_habits(*names: str) -> Habits | None:
    """All of these habits at once; None where no provider can have them together."""
    changes: dict[str, Any] = {}
    for name in names:
        for switch, value in HABITS[name].changes.items():
            if changes.setdefault(switch, value) != value:
                return None
    try:
        return Habits(**changes)
    except ValueError:
        return None


def pairs() -> list[tuple[str, str]]:
    """Every two habits that one provider can have."""
    return [pair for pair in combinations(HABITS, 2) if with_habits(*pair) is not None]


def stage(market: Market, *names: str) -> None:
    """Make a new market one in which these habits show."""
    for name in names:
        HABITS[name].stage(market)
