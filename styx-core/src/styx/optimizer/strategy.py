"""Which way a DAG is planned: the cheapest way of planning first, until one of them has proved its plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from styx.optimizer import fronts, paths
from styx.optimizer.bounds import settled, without_hopeless
from styx.optimizer.dominance import without_dear, without_worse
from styx.optimizer.elimination import Elimination, eliminate
from styx.optimizer.instance import FORBIDDEN, Choice, Instance
from styx.optimizer.search import GivenUp, Search
from styx.optimizer.solver import solve
from styx.optimizer.tasks import Objective

Picks = list[int]  # the candidate of each task

K = TypeVar("K", bound=Choice | None)


class Method(Enum):
    """How the parts of a DAG are planned; each is exact, AUTO takes the first that can."""

    AUTO = "auto"
    TREE = "tree"  # only where edges never part, or never meet
    SEARCH = "search"  # elimination for costs, and depth-first search where time decides as well
    SOLVER = "solver"


@dataclass(slots=True)
class Effort:
    """How to plan, how many seconds each question to the solver may take, and whether every answer was proved."""

    method: Method = Method.AUTO
    patience: float | None = None
    proved: bool = True


def cheapest(part: Instance, effort: Effort) -> Picks:
    """The plan of least cost, of those the shortest."""
    method = effort.method
    if method is Method.TREE:
        return _named(part, _on_tree(part, FORBIDDEN))
    if method is Method.SOLVER:
        return _named(part, _solved_cheapest(part, effort))
    reduced, costs = _narrowed(part)
    if costs is None:
        return _named(reduced, _solved_cheapest(reduced, effort))
    tied = reduced.keep([[option for option, more in enumerate(each) if not more] for each in costs.least_regrets()])
    return _named(tied, _shortest(tied, costs.least, effort))


def _narrowed(part: Instance) -> tuple[Instance, Elimination | None]:
    """The options that a plan of least cost may have, and their elimination where that is not too wide."""
    reduced = without_worse(without_dear(part))
    costs = eliminate(reduced)
    if costs is None:
        reduced = without_worse(without_dear(without_hopeless(reduced)))
        costs = eliminate(reduced)
    return reduced, costs


def _shortest(tied: Instance, ceiling: int, effort: Effort) -> Choice:
    """The shortest of the plans that cost no more than the least; each option is part of such a plan."""
    ways, costs = paths.ways(tied), eliminate(tied)
    if costs is None:  # with fewer options the tasks may be eliminated in another order
        return _solved_cheapest(tied, effort)
    first = costs.choice
    for choice in (first, paths.quick(tied, ways)):
        if tied.cost(choice) == ceiling and tied.length(choice) == ways.bound:
            return choice
    try:
        return Search(tied, Objective.TIME, costs, ceiling=ceiling, deadline=tied.length(first) - 1).run() or first
    except GivenUp:
        return _solved(tied, Objective.TIME, effort, first, ceiling=ceiling)


def quickest(parts: Sequence[Instance], effort: Effort) -> list[Picks]:
    """For each part of a DAG the cheapest plan that makes none of it last longer than it must."""
    ways = [paths.ways(part) for part in parts]
    floor = max((each.bound for each in ways), default=0)
    quick = [_quick(part, each, floor, effort) for part, each in zip(parts, ways, strict=True)]
    deadline = max((part.length(choice) for part, choice in zip(parts, quick, strict=True)), default=0)
    return [_within(part, deadline, choice, effort) for part, choice in zip(parts, quick, strict=True)]


def _quick(part: Instance, ways: paths.Ways, floor: int, effort: Effort) -> Choice:
    """The shortest plan of a part, or one of at most ``floor``, to which it does not matter."""
    known = paths.quick(part, ways)
    if effort.method is Method.SOLVER:
        return _solved(part, Objective.TIME, effort, known)
    length = part.length(known)
    if length <= max(floor, ways.bound) or effort.method is Method.TREE:
        return known
    try:
        return Search(part, Objective.TIME, None, deadline=length - 1).run() or known
    except GivenUp:
        return _solved(part, Objective.TIME, effort, known)


def _within(part: Instance, deadline: int, known: Choice, effort: Effort) -> Picks:
    """The cheapest plan of a part that ends in time, as the known one does."""
    if effort.method is Method.TREE:
        return _named(part, _on_tree(part, deadline))
    if effort.method is Method.SOLVER:
        return _named(part, _solved(part, Objective.COST, effort, known, deadline=deadline))
    whole = part
    ways = paths.ways(part)
    part = without_worse(part.keep(paths.within(ways, deadline)))
    hopeful = _without_late_pairs(part, deadline)
    reduced, costs = _narrowed(hopeful)
    if costs is not None and reduced.length(costs.choice) <= deadline:
        return _named(reduced, costs.choice)
    if effort.method is Method.AUTO and (choice := _on_tree(part, deadline)):
        return _named(part, choice)
    try:
        costs = eliminate(hopeful)
        if costs is not None and (choice := Search(hopeful, Objective.COST, costs, deadline=deadline).run()):
            return _named(hopeful, choice)
    except GivenUp:
        pass
    best = _solved(part, Objective.COST, effort, None, deadline=deadline)
    return _named(whole, known) if best is None else _named(part, best)


def _without_late_pairs(part: Instance, deadline: int) -> Instance:
    """The same, with a price that nobody pays on pairs of options that no plan in time has."""
    ways = paths.ways(part)
    fees = []
    for (low, high), fee, delay in zip(part.edges, part.fees, part.delays, strict=True):
        rest = list(map(int.__add__, part.times[high], ways.tails[high]))
        late = [
            [head + (delay[i][j] if delay else 0) + more > deadline for j, more in enumerate(rest)]
            for i, head in enumerate(ways.heads[low])
        ]
        if any(map(any, late)):
            fee = [  # noqa: PLW2901 - the fee of this edge, changed
                [FORBIDDEN if bad else (fee[i][j] if fee else 0) for j, bad in enumerate(row)]
                for i, row in enumerate(late)
            ]
        fees.append(fee)
    return replace(part, fees=fees)


def _on_tree(part: Instance, deadline: int) -> Choice | None:
    """By fronts, from whichever end the edges meet; None where they do not, or where there are too many plans."""
    for instance in (part, part.backwards()):
        if fronts.leads_to_one(instance) and (choice := fronts.cheapest(instance, deadline)):
            return choice
    return None


def _solved_cheapest(part: Instance, effort: Effort) -> Choice:
    choice = _solved(part, Objective.COST, effort, settled(part))
    if part.length(choice) == paths.ways(part).bound:
        return choice
    return _solved(part, Objective.TIME, effort, choice, ceiling=part.cost(choice))


def _solved(
    part: Instance,
    goal: Objective,
    effort: Effort,
    known: K,
    *,
    ceiling: int | None = None,
    deadline: int | None = None,
) -> Choice | K:
    """What the solver finds within the bounds; the known plan, which may be None, where that is no better."""
    if effort.method is Method.SEARCH:
        raise ValueError("too wide to be planned without a solver")
    choice, proved = solve(part, goal, ceiling=ceiling, deadline=deadline, patience=effort.patience)
    effort.proved &= proved
    if choice is None:
        return known
    cost, length = part.cost(choice), part.length(choice)
    if (ceiling is not None and cost > ceiling) or (deadline is not None and length > deadline):
        return known  # the other is within them by the solver's tolerance alone
    if known is None:
        return choice
    better = cost < part.cost(known) if goal is Objective.COST else length < part.length(known)
    return choice if better else known


def _named(instance: Instance, choice: Choice | None) -> Picks:
    if choice is None:
        raise ValueError("no tree, or one with too many plans to compare")
    return [options[option] for options, option in zip(instance.options, choice, strict=True)]
