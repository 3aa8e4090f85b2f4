"""Options that no plan of least cost has, found before anything is searched."""

from __future__ import annotations

from styx.optimizer.instance import Instance

_ROUNDS = 4  # each removal may allow others, less and less


def without_dear(instance: Instance) -> Instance:
    """The same without options that cost more than another of their task, wherever the neighbours run.

    What is removed is in no plan of least cost: an option stays when it might tie.
    """
    for _ in range(_ROUNDS):
        kept = [_not_dear(instance, task) for task in range(len(instance.options))]
        if all(len(few) == len(all_) for few, all_ in zip(kept, instance.options, strict=True)):
            break
        instance = instance.keep(kept)
    return instance


def _not_dear(instance: Instance, task: int) -> list[int]:
    """Those that are not beaten by the one whose dearest case is cheapest (Goldstein's criterion against that one)."""
    costs = instance.costs[task]
    rows = _rows(instance, task)
    worst = [cost + sum(max(row[option]) for row in rows) for option, cost in enumerate(costs)]
    best = min(range(len(costs)), key=lambda option: (worst[option], option))

    def beaten(option: int) -> bool:
        gap = costs[option] - costs[best]
        return gap + sum(min(map(int.__sub__, row[option], row[best])) for row in rows) > 0

    return [option for option in range(len(costs)) if option == best or not beaten(option)]


def without_worse(instance: Instance) -> Instance:
    """The same without options that are no better than an earlier one in anything: cost, time, any transfer."""
    kept = []
    for task in range(len(instance.options)):
        rows = _rows(instance, task) + _rows(instance, task, delays=True)
        own = list(zip(instance.costs[task], instance.times[task], strict=True))
        lines = [[*pair, *(each for row in rows for each in row[option])] for option, pair in enumerate(own)]
        good: list[int] = []
        for option in sorted(range(len(lines)), key=lambda option: (own[option], option)):
            if not any(all(map(int.__le__, lines[other], lines[option])) for other in good):
                good.append(option)
        kept.append(sorted(good))
    return instance.keep(kept)


def _rows(instance: Instance, task: int, *, delays: bool = False) -> list[list[list[int]]]:
    """For each edge at a task that moves something: by option, what it takes for every option of the neighbour."""
    tables = instance.delays if delays else instance.fees
    leaving = [table for edge in instance.after[task] if (table := tables[edge]) is not None]
    entering = [table for edge in instance.before[task] if (table := tables[edge]) is not None]
    return leaving + [[list(column) for column in zip(*table, strict=True)] for table in entering]
