"""Which way a DAG is planned: the cheapest way of planning first, until one of them has proved its plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from styx.optimizer import fronts, paths
from styx.optimizer.bounds import without_hopeless
from styx.optimizer.dominance import without_dear, without_worse
from styx.optimizer.elimination import Elimination, eliminate
from styx.optimizer.instance import FORBIDDEN, Choice, Instance
from styx.optimizer.search import GivenUp, Search
from styx.optimizer.solver import solve
from styx.optimizer.tasks import Objective

Picks = list[int]  # the candidate of each task


class Method(Enum):
    """How the parts of a DAG are planned; each is exact, AUTO takes the first that can."""

    AUTO = "auto"
    TREE = "tree"  # only where edges never part, or never meet
    SEARCH = "search"  # elimination for costs, and depth-first search where time decides as well
    SOLVER = "solver"


def cheapest(part: Instance, method: Method) -> Picks:
    """The plan of least cost, of those the shortest."""
    if method is Method.TREE:
        return _named(part, _on_tree(part, FORBIDDEN))
    if method is Method.SOLVER:
        return _named(part, _solved_cheapest(part))
    reduced, costs = _narrowed(part)
    if costs is None:
        return _named(reduced, _solved_cheapest(reduced, allowed=method is Method.AUTO))
    tied = reduced.keep([[option for option, more in enumerate(each) if not more] for each in costs.least_regrets()])
    return _named(tied, _shortest(tied, costs.least, method))


def _narrowed(part: Instance) -> tuple[Instance, Elimination | None]:
    """The options that a plan of least cost may have, and their elimination where that is not too wide."""
    reduced = without_worse(without_dear(part))
    costs = eliminate(reduced)
    if costs is None:
        reduced = without_worse(without_dear(without_hopeless(reduced)))
        costs = eliminate(reduced)
    return reduced, costs


def _shortest(tied: Instance, ceiling: int, method: Method) -> Choice:
    """The shortest of the plans that cost no more than the least; each option is part of such a plan."""
    ways, costs = paths.ways(tied), _eliminated(tied)
    first = costs.choice
    for choice in (first, paths.quick(tied, ways)):
        if tied.cost(choice) == ceiling and tied.length(choice) == ways.bound:
            return choice
    try:
        found = Search(tied, Objective.TIME, costs, ceiling=ceiling, deadline=tied.length(first) - 1).run()
    except GivenUp:
        found = _solved(tied, Objective.TIME, ceiling=ceiling, allowed=method is Method.AUTO)
    return found or first


def quickest(parts: Sequence[Instance], method: Method) -> list[Picks]:
    """For each part of a DAG the cheapest plan that makes none of it last longer than it must."""
    ways = [paths.ways(part) for part in parts]
    deadline = max((each.bound for each in ways), default=0)
    for part, each in zip(parts, ways, strict=True):
        deadline = max(deadline, _least_length(part, each, deadline, method))
    return [_within(part, deadline, method) for part in parts]


def _least_length(part: Instance, ways: paths.Ways, floor: int, method: Method) -> int:
    """How long the part takes at least, or less than ``floor`` where it does not matter."""
    if method is Method.SOLVER:
        return part.length(_solved(part, Objective.TIME))
    length = part.length(paths.quick(part, ways))
    if length <= max(floor, ways.bound) or method is Method.TREE:
        return length
    try:
        better = Search(part, Objective.TIME, None, deadline=length - 1).run()
    except GivenUp:
        better = _solved(part, Objective.TIME, allowed=method is Method.AUTO)
    return part.length(better) if better else length


def _within(part: Instance, deadline: int, method: Method) -> Picks:
    """The cheapest plan of a part that ends in time."""
    if method is Method.TREE:
        return _named(part, _on_tree(part, deadline))
    if method is Method.SOLVER:
        return _named(part, _solved(part, Objective.COST, deadline=deadline))
    ways = paths.ways(part)
    part = without_worse(part.keep(paths.within(ways, deadline)))
    hopeful = _without_late_pairs(part, deadline)
    reduced, costs = _narrowed(hopeful)
    if costs is not None and reduced.length(costs.choice) <= deadline:
        return _named(reduced, costs.choice)
    if method is Method.AUTO and (choice := _on_tree(part, deadline, forced=False)):
        return _named(part, choice)
    try:
        costs = eliminate(hopeful)
        if costs is not None and (choice := Search(hopeful, Objective.COST, costs, deadline=deadline).run()):
            return _named(hopeful, choice)
    except GivenUp:
        pass
    return _named(part, _solved(part, Objective.COST, deadline=deadline, allowed=method is Method.AUTO))


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


def _on_tree(part: Instance, deadline: int, *, forced: bool = True) -> Choice | None:
    """By fronts, from whichever end the edges meet."""
    for instance in (part, part.backwards()):
        if fronts.leads_to_one(instance) and (choice := fronts.cheapest(instance, deadline)):
            return choice
    if forced:
        raise ValueError("no tree, or one with too many plans to compare")
    return None


def _solved_cheapest(part: Instance, *, allowed: bool = True) -> Choice:
    choice = _solved(part, Objective.COST, allowed=allowed)
    if part.length(choice) == paths.ways(part).bound:
        return choice
    shorter = _solved(part, Objective.TIME, ceiling=part.cost(choice))
    return shorter if part.cost(shorter) <= part.cost(choice) else choice


def _solved(
    part: Instance,
    goal: Objective,
    *,
    ceiling: int | None = None,
    deadline: int | None = None,
    allowed: bool = True,
) -> Choice:
    if not allowed:
        raise ValueError("too wide to be planned without a solver")
    choice = solve(part, goal, ceiling=ceiling, deadline=deadline)
    assert choice is not None, "a plan within these bounds is known"
    return choice


def _eliminated(instance: Instance) -> Elimination:
    costs = eliminate(instance)
    assert costs is not None, "fewer options make no larger tables"
    return costs


def _named(instance: Instance, choice: Choice | None) -> Picks:
    assert choice is not None
    return [options[option] for options, option in zip(instance.options, choice, strict=True)]
