"""Plans bounded in cost and in time at once, on trees, by dynamic programming over what is best in both.

For each option of each task the front is kept: the plans of everything before it of which none is both cheaper and
earlier done. Fronts of branches that meet are joined by adding their costs for every time at which one improves.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from styx.optimizer.instance import Choice, Instance
from styx.optimizer.paths import ways

LIMIT = 300_000  # plans that all fronts together may hold


class Label(NamedTuple):
    """One plan of a part: when it ends (milliseconds), what it costs (micro-USD), and what it is made of."""

    end: int
    cost: int
    option: int
    parts: tuple[tuple[int, Label], ...] = ()  # each branch, with its label


Front = list[Label]  # ends rise, costs fall


def leads_to_one(instance: Instance) -> bool:
    """Whether every task has at most one after it, so that branches only ever meet."""
    return all(len(edges) <= 1 for edges in instance.after)


def cheapest(instance: Instance, deadline: int) -> Choice | None:
    """The cheapest plan within the deadline, of those the shortest, where :func:`leads_to_one`.

    None when there is no such plan, or when the fronts would hold more than LIMIT plans.
    """
    tails = ways(instance).tails
    fronts: list[list[Front]] = [[] for _ in instance.options]
    held = 0
    for task in instance.order:
        for option, own in enumerate(instance.times[task]):
            latest = deadline - tails[task][option] - own
            front = [Label(0, 0, option)]
            for edge in instance.before[task]:
                front = _joined(front, _arriving(instance, edge, option, fronts, latest), instance.edges[edge][0])
            cost = instance.costs[task][option]
            done = [Label(each.end + own, each.cost + cost, option, each.parts) for each in front if each.end <= latest]
            fronts[task].append(done)
            held += len(done)
        if held > LIMIT:
            return None
    choice = [0] * len(instance.options)
    for task in instance.order:
        if not instance.after[task]:
            ends = [label for front in fronts[task] for label in front]
            if not ends:
                return None
            _take(choice, task, min(ends, key=lambda label: (label.cost, label.end, label.option)))
    return choice


def _arriving(instance: Instance, edge: int, option: int, fronts: list[list[Front]], latest: int) -> Front:
    """The front of a branch as seen where it arrives, in place of an option of the task after it."""
    fee, delay = instance.fees[edge], instance.delays[edge]
    found = []
    for other, front in enumerate(fronts[instance.edges[edge][0]]):
        more = fee[other][option] if fee is not None else 0
        later = delay[other][option] if delay is not None else 0
        found += [(label.end + later, label.cost + more, label) for label in front if label.end + later <= latest]
    found.sort(key=lambda each: (each[0], each[1]))
    best: Front = []
    for end, cost, label in found:
        if not best or cost < best[-1].cost:
            best.append(Label(end, cost, label.option, ((-1, label),)))
    return best


def _joined(front: Front, branch: Front, task: int) -> Front:
    """Both together: it is done when both are, and costs what both cost."""
    found: Front = []
    for end in sorted({label.end for label in front} | {label.end for label in branch}):
        one, two = _by(front, end), _by(branch, end)
        if one is not None and two is not None:
            cost = one.cost + two.cost
            if not found or cost < found[-1].cost:
                found.append(Label(end, cost, one.option, (*one.parts, (task, two.parts[0][1]))))
    return found


def _by(front: Front, end: int) -> Label | None:
    """The cheapest that has ended by then."""
    position = bisect_right(front, end, key=lambda label: label.end)
    return front[position - 1] if position else None


def _take(choice: Choice, task: int, label: Label) -> None:
    waiting = [(task, label)]
    while waiting:
        task, label = waiting.pop()
        choice[task] = label.option
        waiting += label.parts
