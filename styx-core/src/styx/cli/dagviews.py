"""Dags and what becomes of them, for people and as JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Self, TextIO

from styx.cli import explained
from styx.cli.render import clean, duration, iso, money, table
from styx.cli.views import infra, usd
from styx.dags.drawing import draw, pen_for
from styx.words import count, devices

if TYPE_CHECKING:
    from styx.client.protocol import DagLaunch
    from styx.dags.model import DagResult, TaskResult
    from styx.spec import Dag, Task

Shape = dict[str, Any]

_UNSAID = ("plan", "connect", "agent", "files", "submit", "terminate", "time")  # phases that every task goes through


def dag(found: Dag) -> Shape:
    """The JSON of a Dag."""
    from styx.spec import alternatives

    return {
        "name": found.name,
        "execution": found.execution,
        "tasks": [
            {
                "name": found.label(number),
                "after": [found.label(each) for each in after],
                "when": str(task.spec.when),
                "retries": {"times": task.spec.retries.times, "exit_codes": [*task.spec.retries.exit_codes]},
                "output_names": [*task.spec.output_names],
                "num_nodes": task.spec.num_nodes,
                "resources": alternatives.to_mapping(task.spec.resources),
            }
            for number, (task, after) in enumerate(zip(found.tasks, _before(found), strict=True))
        ],
    }


def _before(found: Dag) -> list[list[int]]:
    """For each task the numbers of those it comes after."""
    after: list[list[int]] = [[] for _ in found.tasks]
    for low, high in found.numbered_edges():
        after[high].append(low)
    return after


def drawing(found: Dag, *, everything: bool, encoding: str | None) -> list[str]:
    """One line for each task, or for each sweep, with what it needs and when it runs, in what the encoding can say."""
    groups = _singles(found) if everything else _by_sweep(found)
    order = _sorted(found, groups) or _sorted(found, groups := _singles(found))
    after = _between(found, groups)
    place = {group: index for index, group in enumerate(order)}
    pictures = draw([[place[each] for each in after[group]] for group in order], pen_for(encoding))
    names = [_group_name(found, groups[group]) for group in order]
    width = max(map(len, names))
    notes = [_notes(found.tasks[groups[group][0]]) for group in order]
    return [
        f"{picture}  {clean(name):<{width}}  {clean(remark)}".rstrip()
        for picture, name, remark in zip(pictures, names, notes, strict=True)
    ]


def _singles(found: Dag) -> list[list[int]]:
    return [[number] for number in range(len(found.tasks))]


def _by_sweep(found: Dag) -> list[list[int]]:
    """The tasks, those of a sweep together."""
    groups: dict[object, list[int]] = {}
    for number, task in enumerate(found.tasks):
        groups.setdefault(number if task.spec.sweep is None else task.spec.sweep, []).append(number)
    return [*groups.values()]


def _between(found: Dag, groups: Sequence[Sequence[int]]) -> list[set[int]]:
    """For each group those that it comes after."""
    group = {number: index for index, numbers in enumerate(groups) for number in numbers}
    after = _before(found)
    return [{group[each] for number in numbers for each in after[number]} for numbers in groups]


def _sorted(found: Dag, groups: Sequence[Sequence[int]]) -> list[int]:
    """The groups, each after those that it comes after; empty where they wait for each other."""
    from graphlib import CycleError, TopologicalSorter

    sorter = TopologicalSorter(dict(enumerate(_between(found, groups))))
    try:
        return [*sorter.static_order()]
    except CycleError:
        return []


def _group_name(found: Dag, numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return found.label(numbers[0])
    return f"{found.tasks[numbers[0]].spec.sweep} x{len(numbers)}"


def _notes(task: Task) -> str:
    from styx.spec import alternatives

    spec = task.spec
    first = alternatives.to_mapping_of_one(spec.resources.alternatives[0])
    wishes = [str(first[key]) for key in ("accelerators", "infra", "instance_type") if key in first]
    parts = [
        ", ".join(wishes) + (" or others" if wishes and len(spec.resources.alternatives) > 1 else ""),
        count(spec.num_nodes, "node") if spec.num_nodes > 1 else "",
        "" if str(spec.when) == "success" else f"when {spec.when}",
        "1 retry" if spec.retries.times == 1 else f"{spec.retries.times} retries" if spec.retries.times else "",
        f"gives {', '.join(spec.output_names)}" if spec.output_names else "",
    ]
    return "; ".join(part for part in parts if part)


def plan(found: DagLaunch) -> Shape:
    """The JSON of a dry run."""
    return {
        "cost": usd(found.cost),
        "transfer_cost": usd(found.transfer_cost),
        "hours": found.hours,
        "proved": found.proved,
        "tasks": [{"name": name, **explained.choice(place)} for name, place in found.tasks],
    }


def plan_table(found: DagLaunch) -> str:
    """Where each task would run, and what an hour of it costs."""
    rows = [
        (
            name,
            infra(place.offer),
            place.offer.instance_type,
            devices(place.offer.accelerators),
            money(place.hourly_cost),
        )
        for name, place in found.tasks
    ]
    lines = [table(("TASK", "INFRA", "INSTANCE", "ACCELERATORS", "COST/H"), rows)]
    if found.transfer_cost:
        lines.append(f"Moving data between them costs {money(found.transfer_cost)}.")
    if found.cost:
        lines.append(
            f"All of it takes {found.hours:.1f} h and costs {money(found.cost)}, by `time_estimate` or an hour each."
        )
    if not found.proved:
        lines.append("It is the best plan that was found in time; another may be better.")
    return "\n".join(lines)


def result(found: DagResult) -> Shape:
    """The JSON of a run."""
    return {"name": found.name, "succeeded": found.succeeded, "tasks": [_task(task) for task in found.tasks]}


def _task(task: TaskResult) -> Shape:
    return {
        "name": task.name,
        "state": task.state,
        "cluster": task.cluster or None,
        "exit_code": task.exit_code,
        "reason": task.reason,
        "tries": task.tries,
        "began_at": iso(task.began_at) if task.began_at else None,
        "ended_at": iso(task.ended_at) if task.ended_at else None,
        "outputs": task.outputs,
    }


def result_table(found: DagResult) -> str:
    """What became of each task."""
    rows = [(task.name, task.state, _took(task), task.tries or "-", task.reason) for task in found.tasks]
    return table(("TASK", "STATE", "TOOK", "TRIES", "REASON"), rows)


def _took(task: TaskResult) -> str:
    if task.began_at is None or task.ended_at is None:
        return "-"
    return duration((task.ended_at - task.began_at).total_seconds())


class Lines:
    """Prints what happens in a run as it does: each line begins with the task's name.

    A thread of its own prints, so that a reader that pauses holds nobody up; one that goes away misses the rest, and
    the run goes on. A context manager: at its end everything is printed.
    """

    def __init__(self, found: Dag, output: TextIO) -> None:
        self.left = False  # whether a cluster is still there that should have been removed
        self._output = output
        self._write = _writer(output)
        self._told: SimpleQueue[tuple[str, str, str] | None] = SimpleQueue()
        self._thread = Thread(target=self._print_all, name="styx-lines", daemon=True)
        self._width = max(len(clean(found.label(number))) for number in range(len(found.tasks)))
        self._parts: dict[str, str] = {}
        self._last: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self, patience: float | None = None) -> None:
        """Wait until all that was told is printed, at most so many seconds. Idempotent; nothing more may be told."""
        self._told.put(None)
        self._thread.join(patience)

    def __call__(self, task: str, kind: str, text: str) -> None:
        """Have it printed; the last line of a log waits for its end. Returns at once."""
        self.left = self.left or kind == "left"
        self._told.put((task, kind, text))

    def _print_all(self) -> None:
        try:
            while (told := self._told.get()) is not None:
                self._show(*told)
        except OSError:  # nobody reads any more: what is written there from now on, also at exit, leads nowhere
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._output.fileno())

    def _show(self, task: str, kind: str, text: str) -> None:
        if kind in _UNSAID:
            return
        if kind != "log":
            if self._last.get(task) != text:  # what is waited for is told again and again
                self._last[task] = text
                self._print(task, "*", text)
            return
        *lines, self._parts[task] = (self._parts.get(task, "") + text).split("\n")
        for line in lines:
            self._print(task, "|", line)

    def _print(self, task: str, mark: str, text: str) -> None:
        rest = self._parts.pop(task, "") if mark == "*" else ""
        for line in filter(None, (rest, text) if rest else (text,)):
            sign = "|" if line is rest else mark
            self._write(f"{clean(task):<{self._width}} {sign} {clean(line)}\n")


def _writer(output: TextIO) -> Callable[[str], object]:
    """Writes to it, past its buffer where it has a file: a thread that hangs there must hold no lock of it."""
    try:
        number = output.fileno()
    except OSError:
        return output.write
    output.flush()

    def write(text: str) -> None:
        data = text.encode(output.encoding, "replace")
        while data:
            data = data[os.write(number, data) :]

    return write
