"""Plans bounded in cost and in time at once, by depth-first search: exact, and given up when it takes too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from styx.optimizer.elimination import Elimination
from styx.optimizer.instance import FORBIDDEN, Choice, Instance
from styx.optimizer.paths import ways, within
from styx.optimizer.tasks import Objective

LIMIT = 6_000_000  # pairs of options looked at, about a second


class GivenUp(Exception):
    """The search has looked at all that it may."""


@dataclass(slots=True)
class Search:
    """The least of one objective among the plans that stay within what is allowed of the other.

    The tasks are chosen in the opposite order of their elimination: what a plan will cost at least is then known
    exactly at every step, and how long it will take is bounded by the ways that are still open. Without an elimination
    costs are not looked at.
    """

    instance: Instance
    goal: Objective
    costs: Elimination | None
    ceiling: int = FORBIDDEN  # micro-USD that a plan may cost
    deadline: int = FORBIDDEN  # milliseconds that a plan may take
    _found: Choice | None = None
    _spare: int = 0  # micro-USD above the least cost that the plan looked for may have
    _order: list[int] = field(default_factory=list)
    _looked: int = 0

    def run(self) -> Choice | None:
        """The plan, or None when no plan stays within the bounds. Raises GivenUp."""
        sizes = [len(options) for options in self.instance.options]
        if self.costs is None:
            self._order = self.instance.order
        else:
            self._order = [bucket.task for bucket in reversed(self.costs.buckets)]
            self._spare = self.ceiling - self.costs.least
        self._descend([list(range(size)) for size in sizes])
        return self._found

    def _descend(self, alive: list[list[int]]) -> None:
        choice = [0] * len(alive)
        stack = [(alive, 0, iter(self._ranked(0, choice, alive)))]  # by depth: what is open, regret, options to try
        while stack:
            alive, regret, options = stack[-1]
            more, option = next(options, (None, 0))
            if more is None or regret + more > self._spare:
                stack.pop()
                continue
            task = self._order[len(stack) - 1]
            left = self._open([*alive[:task], [option], *alive[task + 1 :]])
            if left is None:
                continue
            choice[task] = option
            if len(stack) == len(alive):
                self._keep(choice, regret + more)
            else:
                stack.append((left, regret + more, iter(self._ranked(len(stack), choice, left))))

    def _ranked(self, depth: int, choice: Choice, alive: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
        """The options of the next task, with what each adds to the cost (or, without costs, in order)."""
        options = alive[self._order[depth]]
        if self.costs is None:
            return [(0, option) for option in options]
        regrets = self.costs.regrets(self.costs.buckets[-1 - depth], choice)
        return sorted((regrets[option], option) for option in options)

    def _open(self, alive: list[list[int]]) -> list[list[int]] | None:
        """The options that are still open to a plan in time; None when a task has none left."""
        self._looked += self.instance.effort
        if self._looked > LIMIT:
            raise GivenUp
        left = within(ways(self.instance, alive), self.deadline)
        return left if all(left) else None

    def _keep(self, choice: Choice, regret: int) -> None:
        """Take a plan, and look for better ones only from now on."""
        length = self.instance.length(choice)
        if length > self.deadline:
            return
        self._found = [*choice]
        if self.goal is Objective.TIME:
            self.deadline = length - 1
        else:
            self._spare = regret - 1
