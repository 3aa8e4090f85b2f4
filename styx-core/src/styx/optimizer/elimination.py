"""The plan of least cost, by eliminating one task after the other: dynamic programming over any graph.

For each choice of a task's neighbours the best option of the task is noted, and the neighbours are then joined. On
chains and trees that takes one table of two tasks for each edge; elsewhere the tables grow with the width of the graph.
All in whole numbers. (Dechter, "Bucket elimination", 1999.)
"""

from __future__ import annotations

from dataclasses import dataclass

from styx.optimizer.instance import Choice, Instance

LIMIT = 1_000_000  # entries of all tables together

Factor = tuple[tuple[int, ...], list[int]]  # tasks, and a value for each combination of their options, the last fastest


@dataclass(slots=True)
class Bucket:
    """What is known when a task is eliminated: ``table`` has a value for every choice of ``around`` and each option."""

    task: int
    around: tuple[int, ...]  # the neighbours that are eliminated later
    table: list[int]
    best: list[int]  # for every choice of `around` the least of its values


@dataclass(slots=True)
class Elimination:
    """The buckets in the order of elimination; ``least`` is the least cost of any plan."""

    sizes: list[int]  # options of each task
    buckets: list[Bucket]
    least: int

    def regrets(self, bucket: Bucket, choice: Choice) -> list[int]:
        """How much more each option of the bucket's task costs than its best one, given those chosen before it.

        Going through the buckets backwards, the regrets of the options chosen add up to what a plan costs above the
        least.
        """
        row = _flat(bucket.around, choice, self.sizes)
        size = self.sizes[bucket.task]
        least = bucket.best[row]
        return [value - least for value in bucket.table[row * size : (row + 1) * size]]

    @property
    def choice(self) -> Choice:
        """A plan of least cost: where several options are as good, the first."""
        choice = [0] * len(self.sizes)
        for bucket in reversed(self.buckets):
            choice[bucket.task] = self.regrets(bucket, choice).index(0)
        return choice

    def least_regrets(self) -> list[list[int]]:
        """For each option of each task, how much more than the least the cheapest plan with it costs."""
        sizes = self.sizes
        position = {bucket.task: number for number, bucket in enumerate(self.buckets)}
        found: list[list[int]] = [[] for _ in sizes]
        beliefs: dict[int, Factor] = {}
        for bucket in reversed(self.buckets):
            scope, size = (*bucket.around, bucket.task), sizes[bucket.task]
            regrets = [value - bucket.best[index // size] for index, value in enumerate(bucket.table)]
            if bucket.around:  # the regrets of those around, which are all in the scope of the next of them
                parent = beliefs[min(bucket.around, key=position.__getitem__)]
                over = _least(parent, bucket.around, sizes)
                regrets = [regret + over[index // size] for index, regret in enumerate(regrets)]
            beliefs[bucket.task] = (scope, regrets)
            found[bucket.task] = [min(regrets[option::size]) for option in range(size)]
        return found


def eliminate(instance: Instance) -> Elimination | None:
    """The elimination; None when its tables would have more than LIMIT entries."""
    sizes = [len(options) for options in instance.options]
    order = _order(instance, sizes)
    if order is None:
        return None
    waiting: list[list[Factor]] = [[((task,), costs)] for task, costs in enumerate(instance.costs)]
    position = {task: number for number, task in enumerate(order)}
    for (low, high), fee in zip(instance.edges, instance.fees, strict=True):
        if fee is not None:
            first = low if position[low] < position[high] else high
            waiting[first].append(((low, high), [value for row in fee for value in row]))
    buckets, least = [], 0
    for task in order:
        factors = waiting[task]
        around = tuple(sorted({each for tasks, _ in factors for each in tasks} - {task}, key=position.__getitem__))
        table = _joined((*around, task), factors, sizes)
        size = sizes[task]
        best = [min(table[start : start + size]) for start in range(0, len(table), size)]
        buckets.append(Bucket(task, around, table, best))
        if around:
            waiting[around[0]].append((around, best))
        else:
            least += best[0]
    return Elimination(sizes, buckets, least)


def _order(instance: Instance, sizes: list[int]) -> list[int] | None:
    """Which task to eliminate next: the one that joins fewest strangers, of those the one with the smallest table."""
    near: list[set[int]] = [set() for _ in sizes]
    for (low, high), fee in zip(instance.edges, instance.fees, strict=True):
        if fee is not None:
            near[low].add(high)
            near[high].add(low)

    def weight(task: int) -> int:
        total = sizes[task]
        for other in near[task]:
            total *= sizes[other]
        return total

    def strangers(task: int) -> int:
        around = list(near[task])
        return sum(b not in near[a] for number, a in enumerate(around) for b in around[number + 1 :])

    def key(task: int) -> tuple[int, int, int]:
        return strangers(task), weight(task), task

    keys = {task: key(task) for task in range(len(sizes))}
    order: list[int] = []
    entries = 0
    while keys:
        task = min(keys.values())[2]
        entries += weight(task)
        if entries > LIMIT:
            return None
        around = near[task]
        for other in around:
            near[other] |= around
            near[other] -= {task, other}
        del keys[task]
        for changed in around.union(*(near[other] for other in around)):
            keys[changed] = key(changed)
        order.append(task)
    return order


def _joined(scope: tuple[int, ...], factors: list[Factor], sizes: list[int]) -> list[int]:
    """The sum of all factors for every combination of the options of ``scope``."""
    columns = [list(map(values.__getitem__, _indices(scope, tasks, sizes))) for tasks, values in factors]
    return columns[0] if len(columns) == 1 else list(map(sum, zip(*columns, strict=True)))


def _least(factor: Factor, tasks: tuple[int, ...], sizes: list[int]) -> list[int]:
    """For every combination of the options of ``tasks`` the least value of the factor."""
    scope, values = factor
    count = 1
    for task in tasks:
        count *= sizes[task]
    found: list[int | None] = [None] * count
    for index, value in zip(_indices(scope, tasks, sizes), values, strict=True):
        known = found[index]
        if known is None or value < known:
            found[index] = value
    return [value for value in found if value is not None]


def _indices(scope: tuple[int, ...], tasks: tuple[int, ...], sizes: list[int]) -> list[int]:
    """For every combination of the options of ``scope``, where it is in a table of ``tasks``, which are among them."""
    strides, stride = dict.fromkeys(scope, 0), 1
    for task in reversed(tasks):
        strides[task] = stride
        stride *= sizes[task]
    found = [0]
    for task in scope:
        steps = [option * strides[task] for option in range(sizes[task])]
        found = [index + step for index in found for step in steps]
    return found


def _flat(tasks: tuple[int, ...], choice: Choice, sizes: list[int]) -> int:
    index = 0
    for task in tasks:
        index = index * sizes[task] + choice[task]
    return index
