"""How long a DAG takes at least: for each option the longest of the shortest ways to it and from it.

The bound lets every way through the DAG choose for itself. A plan that attains it is the quickest; on trees whose edges
all lead to one task, or all from one, some plan always does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from styx.optimizer.instance import FORBIDDEN, Choice, Instance


@dataclass(slots=True)
class Ways:
    """For each option of each task: milliseconds until it has ended, and from then to the end of everything."""

    heads: list[list[int]]
    tails: list[list[int]]

    def through(self, task: int) -> list[int]:
        """For each option of a task: no plan with it is shorter than this."""
        return [head + tail for head, tail in zip(self.heads[task], self.tails[task], strict=True)]

    @property
    def bound(self) -> int:
        """No plan is shorter than this."""
        return max((min(self.through(task)) for task in range(len(self.heads))), default=0)


def ways(instance: Instance, alive: Sequence[Sequence[int]] | None = None) -> Ways:
    """The bounds; with ``alive`` for plans that choose among those options only."""
    return Ways(_heads(instance, alive), _tails(instance, alive))


def _heads(instance: Instance, alive: Sequence[Sequence[int]] | None) -> list[list[int]]:
    heads: list[list[int]] = [[] for _ in instance.options]
    for task in instance.order:
        times = instance.times[task]
        start = [0] * len(times)
        for edge in instance.before[task]:
            before, delay = heads[instance.edges[edge][0]], instance.delays[edge]
            if delay is None:
                arrival = [min(before)] * len(times)
            else:
                arrival = [min(map(int.__add__, before, column)) for column in zip(*delay, strict=True)]
            start = list(map(max, start, arrival))
        heads[task] = _living(task, list(map(int.__add__, start, times)), alive)
    return heads


def _tails(instance: Instance, alive: Sequence[Sequence[int]] | None) -> list[list[int]]:
    tails: list[list[int]] = [[] for _ in instance.options]
    for task in reversed(instance.order):
        tail = [0] * len(instance.options[task])
        for edge in instance.after[task]:
            later, delay = instance.edges[edge][1], instance.delays[edge]
            rest = list(map(int.__add__, instance.times[later], tails[later]))
            left = [min(rest)] * len(tail) if delay is None else [min(map(int.__add__, row, rest)) for row in delay]
            tail = list(map(max, tail, left))
        tails[task] = _living(task, tail, alive)
    return tails


def _living(task: int, values: list[int], alive: Sequence[Sequence[int]] | None) -> list[int]:
    if alive is None or len(alive[task]) == len(values):
        return values
    living = set(alive[task])
    return [value if option in living else FORBIDDEN for option, value in enumerate(values)]


def within(found: Ways, deadline: int) -> list[list[int]]:
    """The options of each task that a plan within the deadline may have."""
    return [
        [option for option, length in enumerate(found.through(task)) if length <= deadline]
        for task in range(len(found.heads))
    ]


def quick(instance: Instance, found: Ways) -> Choice:
    """A plan that is as short as the bound on trees, and often elsewhere; the cheaper where two are alike."""
    mirrored = instance.backwards()
    there = _forward(instance, found)
    back = _forward(mirrored, Ways(_after_own(instance, found.tails), _before_own(instance, found.heads)))
    return min((there, back), key=lambda choice: (instance.length(choice), instance.cost(choice)))


def _after_own(instance: Instance, tails: list[list[int]]) -> list[list[int]]:
    return [list(map(int.__add__, *pair)) for pair in zip(tails, instance.times, strict=True)]


def _before_own(instance: Instance, heads: list[list[int]]) -> list[list[int]]:
    return [list(map(int.__sub__, *pair)) for pair in zip(heads, instance.times, strict=True)]


def _forward(instance: Instance, found: Ways) -> Choice:
    """Task by task the option with which the longest way through it is shortest, as those before are chosen."""
    choice = [0] * len(instance.options)
    ends = [0] * len(instance.options)
    for task in instance.order:
        start = [0] * len(instance.options[task])
        for edge in instance.before[task]:
            low, delay = instance.edges[edge][0], instance.delays[edge]
            row = delay[choice[low]] if delay is not None else [0] * len(start)
            start = [max(now, ends[low] + more) for now, more in zip(start, row, strict=True)]
        end = list(map(int.__add__, start, instance.times[task]))
        tails, costs = found.tails[task], instance.costs[task]
        choice[task] = min(range(len(end)), key=lambda option: (end[option] + tails[option], costs[option], option))
        ends[task] = end[choice[task]]
    return choice
