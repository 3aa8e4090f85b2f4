"""Which tasks of a Dag may start, and which are left out, given what has become of the others. Nothing here waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from graphlib import TopologicalSorter

from styx.spec.condition import FATES, Ended, left_out
from styx.spec.dag import PARALLEL, Dag
from styx.spec.model import Output


class TaskState(StrEnum):
    """Where a task of a run is. The last four are ends."""

    WAITING = "waiting"  # for tasks that it comes after
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"  # its condition did not come true
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self not in (TaskState.WAITING, TaskState.RUNNING)


@dataclass(frozen=True, slots=True)
class Skip:
    """A task that is left out, and why; ``failure`` where that is because another has failed."""

    task: int
    reason: str
    failure: bool


class Schedule:
    """A Dag and what has become of its tasks so far, which are numbered as the Dag has them.

    ``outputs`` are the values that tasks have given. A task is decided on once all that it comes after have ended: it
    starts or is left out, and a failure leaves out those that come after it and no others.
    """

    def __init__(self, dag: Dag) -> None:
        """Number the tasks. Raises InvalidTask for a Dag that is none."""
        self.dag = dag.check()
        self.states = [TaskState.WAITING for _ in dag.tasks]
        self.outputs: dict[Output, str] = {}
        self._skips: dict[int, Skip] = {}
        self._before: list[list[int]] = [[] for _ in dag.tasks]
        for low, high in dag.numbered_edges():
            self._before[high].append(low)
        self._due: TopologicalSorter[int] = TopologicalSorter(dict(enumerate(self._before)))
        self._due.prepare()

    def start(self) -> list[int]:
        """The tasks that may start now, in order; from here on they count as running, and those left out as skipped."""
        started: list[int] = []
        while due := sorted(self._due.get_ready()):  # leaving one out may decide on others
            for task in due:
                if self.states[task] is not TaskState.WAITING:
                    continue
                skip = self._skip(task)
                if skip is None:
                    self.states[task] = TaskState.RUNNING
                    started.append(task)
                else:
                    self._skips[task] = skip
                    self._ended(task, TaskState.SKIPPED)
        return sorted(started)

    def end(self, task: int, state: TaskState, outputs: Mapping[str, str] | None = None) -> None:
        """A running task has come to its end, with these outputs by name."""
        if self.states[task] is not TaskState.RUNNING or not state.ended:
            raise ValueError(f"task {task} cannot go from {self.states[task]} to {state}")
        name = self.dag.tasks[task].spec.name
        if name is not None:
            self.outputs.update({Output(name, key): value for key, value in (outputs or {}).items()})
        self._ended(task, state)

    def cancel(self) -> None:
        """Start nothing more: what waits is cancelled."""
        waiting = TaskState.WAITING
        self.states = [TaskState.CANCELLED if state is waiting else state for state in self.states]

    def skipped(self) -> list[Skip]:
        """Those that were left out, in the order in which that was decided."""
        return [*self._skips.values()]

    def _ended(self, task: int, state: TaskState) -> None:
        self.states[task] = state
        self._due.done(task)

    def _skip(self, task: int) -> Skip | None:
        """Why a task is left out; None when it runs. All before it have ended."""
        before = [
            Ended(self.dag.label(each), FATES[self.states[each]], self._failed(each)) for each in self._before[task]
        ]
        found = left_out(self.dag.tasks[task].spec.when, before, self.outputs)
        return None if found is None else Skip(task, found.reason, found.failure)

    def _failed(self, task: int) -> bool:
        """Whether it failed, or was left out because another did."""
        if self.states[task] in (TaskState.FAILED, TaskState.CANCELLED):
            return True
        return task in self._skips and self._skips[task].failure


def primary_tasks(dag: Dag) -> frozenset[int]:
    """Those of a job group with which the others end; none where it does not name any."""
    named = dag.options.get("primary_tasks")
    if dag.execution != PARALLEL or not isinstance(named, list):
        return frozenset()
    return frozenset(number for number in range(len(dag.tasks)) if dag.label(number) in named)
