"""DAGs made up at random, and their best plans by trying everything."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from graphlib import TopologicalSorter
from itertools import product
from typing import NamedTuple

from hypothesis import strategies as st

from styx.optimizer.dag import Candidate, Data, Edge, Objective, Rate, Site, Work

SITES = [Site(cloud, "east", zone) for cloud in ("a", "b") for zone in ("1", "2")]
SMALL = st.integers(0, 3)  # so that ties are common


class Case(NamedTuple):
    """A DAG and what moving data takes."""

    works: list[Work[int]]
    edges: list[Edge]
    rates: dict[tuple[Site, Site], Rate]

    def transfer(self, low: Site, high: Site) -> Rate:
        """What moving one GiB between two places takes."""
        return self.rates[low, high]


candidates = st.builds(
    Candidate,
    payload=st.integers(0, 9),
    site=st.sampled_from(SITES),
    cost=st.sampled_from([*map(Decimal, range(4)), Decimal("0.000001"), None]),
    hours=SMALL,
    preference=st.sampled_from([0, 0, 1]),
)
inputs = st.lists(st.builds(Data, st.sampled_from(SITES), SMALL), max_size=1).map(tuple)
works = st.lists(candidates, min_size=1, max_size=3).map(tuple)
rates = st.builds(Rate, st.integers(0, 3).map(Decimal), SMALL)


@st.composite
def cases(draw: st.DrawFn, *, trees: bool = False) -> Case:
    """Up to five tasks, in any order; with ``trees`` those whose edges never part, or never meet."""
    count = draw(st.integers(1, 5))
    place = draw(st.permutations(range(count)))
    pairs = [(low, high) for low in range(count) for high in range(low + 1, count)]
    if trees:
        pairs = [(low, draw(st.integers(low + 1, count - 1))) for low in range(count - 1)]
        if draw(st.booleans()):
            pairs = [(count - 1 - high, count - 1 - low) for low, high in pairs]
    else:
        pairs = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return Case(
        [Work(f"t{number}", draw(works), draw(inputs)) for number in range(count)],
        [Edge(place[low], place[high], draw(SMALL)) for low, high in pairs],
        {(low, high): draw(rates) if low != high else Rate() for low in SITES for high in SITES},
    )


def best(case: Case, objective: Objective) -> tuple[Decimal | None, float]:
    """The cost (None when a price is unknown) and the hours of the best plan."""
    pools = [_eligible(work.candidates) for work in case.works]
    cost, hours = min((_measured(case, picks) for picks in product(*pools)), key=lambda pair: _key(pair, objective))
    known = all(each.cost is not None for pool in pools for each in pool)
    return cost if known else None, hours


def _key(pair: tuple[Decimal, float], objective: Objective) -> tuple[float | Decimal, ...]:
    return pair if objective is Objective.COST else pair[::-1]


def _eligible(found: Sequence[Candidate[int]]) -> list[Candidate[int]]:
    first = [each for each in found if each.preference == min(each.preference for each in found)]
    return [each for each in first if each.cost is not None] or first


def _measured(case: Case, picks: Sequence[Candidate[int]]) -> tuple[Decimal, float]:
    cost = sum((pick.cost or Decimal(0) for pick in picks), Decimal(0))
    own = [pick.hours for pick in picks]
    for number, work in enumerate(case.works):
        for data in work.inputs:
            rate = case.rates[data.site, picks[number].site]
            cost += rate.usd * Decimal(data.gib)
            own[number] += rate.hours * data.gib
    before: dict[int, list[Edge]] = {number: [] for number in range(len(picks))}
    for edge in case.edges:
        before[edge.later].append(edge)
        cost += case.rates[picks[edge.earlier].site, picks[edge.later].site].usd * Decimal(edge.gib)
    ends: dict[int, float] = {}
    sorter = TopologicalSorter({number: [edge.earlier for edge in edges] for number, edges in before.items()})
    for number in sorter.static_order():
        arrivals = [
            ends[edge.earlier] + case.rates[picks[edge.earlier].site, picks[number].site].hours * edge.gib
            for edge in before[number]
        ]
        ends[number] = own[number] + max(arrivals, default=0.0)
    return cost, max(ends.values())
