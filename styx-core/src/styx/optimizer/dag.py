"""The plan of a DAG: for each task one of the places where it could run, at the least cost or in the least time.

Exact always, data that moves included. Chains and trees are planned by dynamic programming, and so is what is not much
wider; the rest is left to HiGHS (the extra ``styx-core[solver]``). Nothing here asks anybody for anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from styx.api.errors import NoOffer
from styx.optimizer import strategy
from styx.optimizer.instance import HOUR, MICRO, Instance, build
from styx.optimizer.solver import SolverMissing
from styx.optimizer.strategy import Effort, Method
from styx.optimizer.tasks import Candidate, DagPlan, Data, Edge, Objective, P, Rate, Site, Transfer, Work

__all__ = [
    "Candidate",
    "DagPlan",
    "Data",
    "Edge",
    "Method",
    "Objective",
    "Rate",
    "Site",
    "SolverMissing",
    "Transfer",
    "Work",
    "plan_dag",
]


def plan_dag(
    works: Sequence[Work[P]],
    edges: Iterable[Edge],
    transfer: Transfer,
    *,
    objective: Objective = Objective.COST,
    method: Method = Method.AUTO,
    patience: float | None = None,
) -> DagPlan[P]:
    """The plan that is least in ``objective``, of those the one that is least in the other; always the same one.

    Costs count in micro-USD and times in milliseconds, each part rounded. With ``patience``, seconds for each question
    to the solver, the plan may be one that was not proved to be the least, and says so; without, a DAG for which least
    time is hard may take longer than anybody waits. Raises NoOffer for a task without candidates,
    SolverMissing where only HiGHS could plan it, graphlib.CycleError for tasks in a circle, and ValueError when the
    method that is asked for cannot plan it.
    """
    for work in works:
        if not work.candidates:
            raise NoOffer(f"nothing that can be rented fits task {work.name}")
    whole = build(works, edges, transfer, objective)
    effort = Effort(method, patience)
    parts = whole.components()
    instances = [whole.part(tasks) for tasks in parts]
    if objective is Objective.COST:
        found = [strategy.cheapest(each, effort) for each in instances]
    else:
        found = strategy.quickest(instances, effort)
    picks = [0] * len(works)
    for tasks, picked in zip(parts, found, strict=True):
        for task, pick in zip(tasks, picked, strict=True):
            picks[task] = pick
    return replace(_plan(works, whole, picks), proved=effort.proved)


def _plan(works: Sequence[Work[P]], whole: Instance, numbers: Sequence[int]) -> DagPlan[P]:
    choice = [options.index(number) for options, number in zip(whole.options, numbers, strict=True)]
    picks = tuple(work.candidates[number] for work, number in zip(works, numbers, strict=True))
    cost, known = whole.cost(choice), all(pick.cost is not None for pick in picks)
    alone = sum(round((pick.cost or Decimal(0)) * MICRO) for pick in picks)
    return DagPlan(
        picks,
        Decimal(cost) / MICRO if known else None,
        Decimal(cost - alone) / MICRO,
        whole.length(choice) / HOUR,
        tuple(start / HOUR for start in whole.starts(choice)),
    )
