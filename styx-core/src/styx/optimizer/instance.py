"""A DAG to be planned, in whole numbers: micro-USD and milliseconds, so that sums are exact and ties are ties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from graphlib import TopologicalSorter

from styx.optimizer.tasks import Candidate, Edge, Objective, P, Rate, Site, Transfer, Work

MICRO = 10**6  # micro-USD in a USD
HOUR = 3_600_000  # milliseconds in an hour
FORBIDDEN = 10**18  # more than any sum: what may not be chosen

Table = list[list[int]]  # [option of the earlier task][option of the later one]
Choice = list[int]  # the option of each task


@dataclass(slots=True)
class Instance:
    """Tasks with options and edges between them; an edge whose table is None moves nothing that counts.

    ``options`` says for each option which candidate of the task it is. ``before`` and ``after`` hold the edges that
    enter and leave a task, ``order`` the tasks with each after those it depends on.
    """

    options: list[list[int]]
    costs: list[list[int]]
    times: list[list[int]]
    edges: list[tuple[int, int]]
    fees: list[Table | None]
    delays: list[Table | None]
    before: list[list[int]]
    after: list[list[int]]
    order: list[int]

    @property
    def effort(self) -> int:
        """How many pairs of options there are to look at, with the options themselves."""
        sizes = [len(options) for options in self.options]
        return sum(sizes) + sum(sizes[low] * sizes[high] for low, high in self.edges)

    def cost(self, choice: Choice) -> int:
        """Micro-USD for tasks and transfers."""
        total = sum(costs[pick] for costs, pick in zip(self.costs, choice, strict=True))
        pairs = zip(self.edges, self.fees, strict=True)
        return total + sum(fee[choice[low]][choice[high]] for (low, high), fee in pairs if fee is not None)

    def starts(self, choice: Choice) -> list[int]:
        """When each task starts, in milliseconds."""
        found = [0] * len(self.options)
        for task in self.order:
            for edge in self.before[task]:
                low, delay = self.edges[edge][0], self.delays[edge]
                arrival = found[low] + self.times[low][choice[low]]
                if delay is not None:
                    arrival += delay[choice[low]][choice[task]]
                found[task] = max(found[task], arrival)
        return found

    def length(self, choice: Choice) -> int:
        """Milliseconds from the first start to the last end."""
        ends = (start + self.times[task][choice[task]] for task, start in enumerate(self.starts(choice)))
        return max(ends, default=0)

    def keep(self, kept: Sequence[Sequence[int]]) -> Instance:
        """The same with some options only."""
        same = [len(few) == len(all_) for few, all_ in zip(kept, self.options, strict=True)]

        def some(rows: list[list[int]]) -> list[list[int]]:
            return [
                row if whole else [row[pick] for pick in few] for row, few, whole in zip(rows, kept, same, strict=True)
            ]

        def cut(table: Table | None, low: int, high: int) -> Table | None:
            if table is None or (same[low] and same[high]):
                return table
            return [[table[i][j] for j in kept[high]] for i in kept[low]]

        return replace(
            self,
            options=some(self.options),
            costs=some(self.costs),
            times=some(self.times),
            fees=[cut(fee, *edge) for fee, edge in zip(self.fees, self.edges, strict=True)],
            delays=[cut(delay, *edge) for delay, edge in zip(self.delays, self.edges, strict=True)],
        )

    def part(self, tasks: Sequence[int]) -> Instance:
        """These tasks alone, in this order, with the edges among them."""
        place = {task: position for position, task in enumerate(tasks)}
        inside = [number for number, (low, high) in enumerate(self.edges) if low in place and high in place]
        edges = [(place[self.edges[each][0]], place[self.edges[each][1]]) for each in inside]
        return assemble(
            [self.options[task] for task in tasks],
            [self.costs[task] for task in tasks],
            [self.times[task] for task in tasks],
            edges,
            [self.fees[each] for each in inside],
            [self.delays[each] for each in inside],
        )

    def backwards(self) -> Instance:
        """The same DAG seen from its end: every plan has the cost and the length that it has here."""

        def turned(table: Table | None) -> Table | None:
            return None if table is None else [list(column) for column in zip(*table, strict=True)]

        return replace(
            self,
            edges=[(high, low) for low, high in self.edges],
            fees=[turned(fee) for fee in self.fees],
            delays=[turned(delay) for delay in self.delays],
            before=self.after,
            after=self.before,
            order=self.order[::-1],
        )

    def components(self) -> list[list[int]]:
        """The tasks that edges join, group by group."""
        root = list(range(len(self.options)))

        def find(task: int) -> int:
            while root[task] != task:
                root[task] = root[root[task]]
                task = root[task]
            return task

        for low, high in self.edges:
            first, second = sorted((find(low), find(high)))
            root[second] = first
        groups: dict[int, list[int]] = {}
        for task in range(len(self.options)):
            groups.setdefault(find(task), []).append(task)
        return list(groups.values())


def assemble(
    options: list[list[int]],
    costs: list[list[int]],
    times: list[list[int]],
    edges: list[tuple[int, int]],
    fees: list[Table | None],
    delays: list[Table | None],
) -> Instance:
    """Put the parts together. Raises graphlib.CycleError when the tasks wait for each other in a circle."""
    before: list[list[int]] = [[] for _ in options]
    after: list[list[int]] = [[] for _ in options]
    sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(len(options)), ()))
    for number, (low, high) in enumerate(edges):
        before[high].append(number)
        after[low].append(number)
        sorter.add(high, low)
    return Instance(options, costs, times, edges, fees, delays, before, after, list(sorter.static_order()))


def build(works: Sequence[Work[P]], edges: Iterable[Edge], transfer: Transfer, objective: Objective) -> Instance:
    """The instance of a DAG. ``transfer`` is asked once for each pair of places that data may move between."""
    rates = _Rates(transfer)
    options, costs, times = [], [], []
    for work in works:
        rows = [(pick, *_own(work, pick, rates)) for pick in _eligible(work.candidates)]
        rows = _best_by_site(work.candidates, rows, objective)
        options.append([pick for pick, _, _ in rows])
        costs.append([cost for _, cost, _ in rows])
        times.append([time for _, _, time in rows])
    sizes: dict[tuple[int, int], float] = {}
    for edge in edges:
        sizes[edge.earlier, edge.later] = sizes.get((edge.earlier, edge.later), 0.0) + edge.gib
    sites = [[work.candidates[pick].site for pick in picks] for work, picks in zip(works, options, strict=True)]
    fees: list[Table | None] = []
    delays: list[Table | None] = []
    for (low, high), gib in sizes.items():
        fee, delay = rates.tables(sites[low], sites[high], gib)
        fees.append(fee)
        delays.append(delay)
    return assemble(options, costs, times, list(sizes), fees, delays)


def _eligible(candidates: Sequence[Candidate[P]]) -> list[int]:
    """The candidates that count: of the first alternative that has any, and of known price where any is."""
    first = min((each.preference for each in candidates), default=0)
    found = [number for number, each in enumerate(candidates) if each.preference == first]
    return [number for number in found if candidates[number].cost is not None] or found


def _own(work: Work[P], pick: int, rates: _Rates) -> tuple[int, int]:
    """What a candidate takes by itself, with what it reads from fixed places, one after the other."""
    candidate = work.candidates[pick]
    cost, time = round((candidate.cost or Decimal(0)) * MICRO), round(candidate.hours * HOUR)
    for data in work.inputs:
        fee, delay = rates.of(data.site, candidate.site, data.gib)
        cost, time = cost + fee, time + delay
    return cost, time


def _best_by_site(
    candidates: Sequence[Candidate[P]], rows: list[tuple[int, int, int]], objective: Objective
) -> list[tuple[int, int, int]]:
    """Of each place the cheapest, the faster of two that cost the same; and those that cost more but are faster.

    Where cost is what matters nothing but the cheapest can be part of a plan of least cost.
    """
    best: dict[Site, list[tuple[int, int, int]]] = {}
    for row in sorted(rows, key=lambda row: (row[1], row[2], row[0])):
        kept = best.setdefault(candidates[row[0]].site, [])
        if not kept or (objective is Objective.TIME and row[2] < kept[-1][2]):
            kept.append(row)
    return sorted(row for kept in best.values() for row in kept)


class _Rates:
    """What moving data takes, each pair of places asked for once."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._known: dict[tuple[Site, Site], Rate] = {}

    def _rate(self, low: Site, high: Site) -> Rate:
        rate = self._known.get((low, high))
        if rate is None:
            rate = self._known[low, high] = self._transfer(low, high)
        return rate

    def of(self, low: Site, high: Site, gib: float) -> tuple[int, int]:
        """Micro-USD and milliseconds for an amount of data."""
        return _amount(self._rate(low, high), gib) if gib else (0, 0)

    def tables(self, lows: Sequence[Site], highs: Sequence[Site], gib: float) -> tuple[Table | None, Table | None]:
        """Both for every pair; None for what is nothing for all of them."""
        if not gib:
            return None, None
        known: dict[Rate, tuple[int, int]] = {}

        def amount(rate: Rate) -> tuple[int, int]:
            found = known.get(rate)
            if found is None:
                found = known[rate] = _amount(rate, gib)
            return found

        both = [[amount(self._rate(low, high)) for high in highs] for low in lows]
        return _unless_nothing(both, lambda pair: pair[0]), _unless_nothing(both, lambda pair: pair[1])


def _amount(rate: Rate, gib: float) -> tuple[int, int]:
    return round(rate.usd * MICRO * Decimal(str(gib))), round(rate.hours * HOUR * gib)


def _unless_nothing(pairs: list[list[tuple[int, int]]], part: Callable[[tuple[int, int]], int]) -> Table | None:
    table = [[part(pair) for pair in row] for row in pairs]
    return table if any(map(any, table)) else None
