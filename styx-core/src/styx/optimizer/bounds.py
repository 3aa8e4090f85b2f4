"""How little a plan can cost at least, and which options are out of question therefore.

Costs are moved between tasks and edges such that no plan's cost changes while the sum of the least of each task grows:
that sum is a bound, and what an option costs above the least of its task is the least that it adds to it. All in whole
numbers. (Kolmogorov, "Convergent tree-reweighted message passing for energy minimization", 2006.)
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import add, sub

from styx.optimizer.instance import Choice, Instance, Table

_SWEEPS = 192
_LOOK = 16  # sweeps between two looks at what has been reached
_FINE = 1024  # parts of a micro-USD: shares are rounded down, and should not lose a whole one by it


def without_hopeless(instance: Instance) -> Instance:
    """The same without options whose cheapest plan surely costs more than a plan that is known."""
    shares = _Shares(instance)
    best = settled(instance)
    reached: int | None = None
    for sweep in range(_SWEEPS):
        choice = shares.sweep(backwards=bool(sweep % 2))
        if sweep % _LOOK == _LOOK - 1:
            best = min(best, settled(instance, choice), key=instance.cost)
            before, reached = reached, sum(map(min, shares.gathered()))
            gap = instance.cost(best) * _FINE - reached
            if gap < _FINE or (before is not None and reached - before <= gap // 20):
                break
    values = shares.gathered()
    spare = instance.cost(best) * _FINE - sum(map(min, values))
    return instance.keep(
        [[option for option, value in enumerate(each) if value - min(each) <= spare] for each in values]
    )


class _Shares:
    """For each end of each edge that costs something, how much of its cost each option there has been given."""

    def __init__(self, instance: Instance) -> None:
        self._costs = [[cost * _FINE for cost in costs] for costs in instance.costs]
        self._order = instance.order
        self._near: list[list[tuple[int, int, Table, list[list[int]]]]] = [[] for _ in instance.options]
        self._position = {task: number for number, task in enumerate(instance.order)}
        for edge, fee in zip(instance.edges, instance.fees, strict=True):
            if fee is not None:
                fine = [[value * _FINE for value in row] for row in fee]
                given = [[0] * len(instance.options[task]) for task in edge]
                self._near[edge[0]].append((edge[1], 0, fine, given))
                self._near[edge[1]].append((edge[0], 1, [list(column) for column in zip(*fine, strict=True)], given))

    def _values(self, task: int) -> list[int]:
        values = self._costs[task]
        for _, side, _, given in self._near[task]:
            values = list(map(add, values, given[side]))
        return values

    def _pull(self, task: int) -> None:
        """Give the task all that its edges cost at least, whatever is chosen at their other ends."""
        for _, side, table, given in self._near[task]:
            given[side] = [min(map(sub, row, given[1 - side])) for row in table]

    def sweep(self, *, backwards: bool) -> Choice:
        """Pass costs on from task to task, in one direction; the plan that looks best on the way."""
        order = self._order[::-1] if backwards else self._order
        choice = [0] * len(order)
        for task in order:
            self._pull(task)
            values, near = self._values(task), self._near[task]
            ahead = [each for each in near if (self._position[each[0]] > self._position[task]) is not backwards]
            seen = values
            for other, side, table, given in near:
                if (self._position[other] > self._position[task]) is backwards:  # chosen already
                    fees = [row[choice[other]] for row in table]
                    seen = [value - part + fee for value, part, fee in zip(seen, given[side], fees, strict=True)]
            choice[task] = seen.index(min(seen))
            share = max(len(ahead), len(near) - len(ahead), 1)
            part = [value // share for value in values]
            for _, side, _, given in ahead:
                given[side] = list(map(sub, given[side], part))
        return choice

    def gathered(self) -> list[list[int]]:
        """What the options of each task cost when the edges have given away all that they can."""
        for task in range(len(self._near)):
            self._pull(task)
        return [self._values(task) for task in range(len(self._near))]


def settled(instance: Instance, start: Choice | None = None) -> Choice:
    """The plan after every task has changed to what is best for it, until none wants to; from the cheapest options."""
    choice = [costs.index(min(costs)) for costs in instance.costs] if start is None else [*start]
    waiting: Iterable[int] = instance.order
    while waiting:
        moved: set[int] = set()
        for task in waiting:
            values = instance.costs[task]
            for edge in instance.before[task]:
                if (fee := instance.fees[edge]) is not None:
                    values = list(map(add, values, fee[choice[instance.edges[edge][0]]]))
            for edge in instance.after[task]:
                if (fee := instance.fees[edge]) is not None:
                    values = list(map(add, values, [row[choice[instance.edges[edge][1]]] for row in fee]))
            option = min(range(len(values)), key=values.__getitem__)
            if values[option] < values[choice[task]]:
                choice[task] = option
                moved |= {end for edge in instance.before[task] for end in instance.edges[edge]}
                moved |= {end for edge in instance.after[task] for end in instance.edges[edge]}
        waiting = sorted(moved)
    return choice
