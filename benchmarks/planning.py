"""DAGs made up over a catalog, and their plans: ``python -m benchmarks.planning CATALOGS OBJECTIVE TASKS`` makes one.

That process asks the catalogs, ranks what they offer, takes the cheapest offer of 20 places for each task, and plans.
It writes to standard error what the plan says, so that a run can be looked at.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from benchmarks.offers import database
from styx.api.offers import Accelerator
from styx.catalog.query import Catalog
from styx.optimizer.dag import Candidate, DagPlan, Edge, Objective, Rate, Site, Work, plan_dag
from styx.optimizer.rank import Choice, Lot, query_for, rank
from styx.spec.model import Alternative, Amount, ResourcesSpec

CANDIDATES = 20
LAYER = 10  # tasks side by side
WISHES = (
    Alternative(),
    Alternative(cpus=Amount(4, at_least=True)),
    Alternative(cpus=Amount(16, at_least=True), memory=Amount(128, at_least=True)),
    Alternative(cpus=Amount(32)),
    Alternative(use_spot=True),
    *(Alternative(accelerators=(Accelerator(name, n),)) for name in ("A100", "H100", "T4", "L4") for n in (1, 2, 8)),
)
MOVES = ((3, Rate()), (2, Rate(Decimal("0.01"), 1 / 3600)), (1, Rate(Decimal("0.02"), 8 / 3600)))
FAR = Rate(Decimal("0.09"), 20 / 3600)


def catalogs_in(folder: Path) -> list[Catalog]:
    """The catalogs below a folder; compiled by the first question."""
    return [Catalog(database(each)) for each in sorted(folder.iterdir()) if each.is_dir()]


def choices(catalogs: list[Catalog], *wishes: Alternative) -> list[Choice]:
    """What fits, cheapest first."""
    lots = [
        [Lot(offer) for catalog in catalogs for offer in catalog.offers(query_for(wish, 1, usual=True))]
        for wish in wishes
    ]
    return rank(ResourcesSpec(wishes), lots, 1, usual=True)[0]


def transfer(low: Site, high: Site) -> Rate:
    """Dearer and slower the farther apart."""
    return next((rate for depth, rate in MOVES if low[:depth] == high[:depth]), FAR)


def dag(catalogs: list[Catalog], tasks: int, gib: float) -> tuple[list[Work[Choice]], list[Edge]]:
    """Tasks in layers: each depends on one to three of the layer before, and is quicker on some machines."""
    dice = random.Random(1)
    found = [_places(choices(catalogs, wish)) for wish in WISHES]
    works, edges = [], []
    for number in range(tasks):
        hours = dice.uniform(0.5, 4)
        works.append(Work(f"task-{number}", tuple(_candidates(dice, dice.choice(found), hours))))
        layer = number - number % LAYER
        before = dice.sample(range(max(0, layer - LAYER), layer), min(layer, dice.randint(1, 3)))
        edges += [Edge(each, number, round(dice.uniform(0, gib), 1)) for each in before]
    return works, edges


def _places(found: list[Choice]) -> list[Choice]:
    first: dict[Site, Choice] = {}
    for choice in found:
        site = Site(choice.offer.cloud, choice.offer.region, choice.offer.zone or "")
        if len(first) < CANDIDATES:
            first.setdefault(site, choice)
    return list(first.values())


def _candidates(dice: random.Random, found: list[Choice], hours: float) -> Iterator[Candidate[Choice]]:
    for choice in found:
        offer, takes = choice.offer, hours * dice.uniform(0.8, 1.2)
        cost = (choice.hourly_cost or Decimal(0)) * Decimal(str(takes))
        yield Candidate(choice, Site(offer.cloud, offer.region, offer.zone or ""), cost, takes)


def planned(catalogs: list[Catalog], objective: Objective, tasks: int, *, gib: float = 20) -> DagPlan[Choice]:
    """Ask, rank and plan."""
    works, edges = dag(catalogs, tasks, gib)
    return plan_dag(works, edges, transfer, objective=objective)


if __name__ == "__main__":
    seen = planned(catalogs_in(Path(sys.argv[1])), Objective(sys.argv[2]), int(sys.argv[3]))
    print(f"{len(seen.picks)} tasks: ${seen.cost:.2f} in {seen.hours:.2f} h", file=sys.stderr)
