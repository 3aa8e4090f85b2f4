"""How dear a launch may get of whose price nobody was asked: refusals lead on to what nobody had in mind."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from styx.api.errors import NoOffer
from styx.engine.failover import where
from styx.optimizer.rank import Choice
from styx.words import sentences

TIMES = 10


class Ceiling:
    """What was agreed to by saying nothing: up to ten times the cheapest offer of the same alternative.

    The cheapest that was ever on offer counts, and nothing that is free. An alternative that states its own most is
    held to that alone, and one without any price to nothing. Pure.
    """

    def __init__(self) -> None:
        self._cheapest: dict[int, Decimal] = {}  # by id of the alternative, all of which are those of one task
        self.beyond: Choice | None = None

    def within(self, choices: Sequence[Choice]) -> tuple[Choice, ...]:
        """Those of the choices that keep to it; ``beyond`` is the first of the others, with a price if any has one."""
        for choice in choices:
            self._learn(choice)
        kept, others = list[Choice](), list[Choice]()
        for choice in choices:
            (others if self._too_dear(choice) else kept).append(choice)
        self.beyond = min(others, key=lambda choice: choice.hourly_cost is None, default=None)
        return tuple(kept)

    def cheapest(self, choice: Choice) -> Decimal | None:
        """What the cheapest of its alternative costs, in USD an hour for all nodes; None where there is no ceiling."""
        wanted = choice.alternative
        return self._cheapest.get(id(wanted)) if wanted.max_hourly_cost is None else None

    def explain(self, error: NoOffer) -> None:
        """Tell in the hint what comes next and is not asked for, as far as anything is."""
        if self.beyond is None:
            return
        cost, cheapest = self.beyond.hourly_cost, self.cheapest(self.beyond)
        price = "has no known price" if cost is None else f"costs ${cost}/h"
        consent = "a task that names it gets it" if cost is None else f"--max-cost {cost} does"
        error.hint = sentences(
            error.hint,  # what the refusals advise: for bad credentials nothing comes next
            f"{where(self.beyond)} comes next and {price}. The cheapest costs ${cheapest}/h, and to more than "
            f"{TIMES} times that nobody has agreed: {consent}",
        )

    def _learn(self, choice: Choice) -> None:
        cost, wanted = choice.hourly_cost, id(choice.alternative)
        if cost:
            self._cheapest[wanted] = min(cost, self._cheapest.get(wanted, cost))

    def _too_dear(self, choice: Choice) -> bool:
        cheapest, cost = self.cheapest(choice), choice.hourly_cost
        return cheapest is not None and (cost is None or cost > TIMES * cheapest)
