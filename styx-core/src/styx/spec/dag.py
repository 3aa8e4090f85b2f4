"""``Dag``: several tasks and which of them come before which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from graphlib import CycleError, TopologicalSorter
from typing import Self, TypeAlias

from styx.api.errors import InvalidTask
from styx.spec.flow import needed
from styx.spec.model import Output
from styx.spec.place import Place
from styx.spec.suggest import did_you_mean
from styx.spec.task import Task

Node: TypeAlias = "Task | list[Task]"

SERIAL = "serial"
PARALLEL = "parallel"  # a job group: all at once, and they may talk to each other

MAX_EDGES = 1_000_000

TOO_MANY = f"the tasks wait for each other in more than {MAX_EDGES} ways, which is the limit"
LESS = "Put one task between them, which waits for all of the earlier ones and which the later ones wait for."
_SHOWN = 20  # names that a hint lists

_current: ContextVar[Dag | None] = ContextVar("styx_dag", default=None)


class Dag:
    """Tasks and the order among them.

    ::

        with Dag("pipeline") as dag:
            prepare >> [train, baseline] >> report

    or without the block ``dag.add(task)`` and ``dag.edge(earlier, later)``. A task may also name those it comes after
    with ``depends_on``, and comes after those whose outputs it uses. Tasks are told apart as objects and, where they
    have one, by name: names are unique. The name of a sweep stands for all its tasks.
    """

    def __init__(
        self, name: str | None = None, *, execution: str = SERIAL, options: Mapping[str, object] | None = None
    ) -> None:
        self.name = name
        self.execution = execution
        self.options = dict(options or {})  # what else the header of a job group says
        self._tasks: list[Task] = []
        self._edges: dict[tuple[int, int], None] = {}
        self._known: dict[int, int] = {}  # id of a task -> its index; the tasks are kept, so ids are not used again
        self._names: dict[str, int] = {}
        self._sweeps: dict[str, list[int]] = {}
        self._tokens: list[Token[Dag | None]] = []
        self._places: list[Mapping[str, Place]] = []  # of each task: where its fields stand
        self._found: tuple[tuple[int, int], ...] | None = None  # all edges, until a task or an edge is added
        self._earlier: dict[int, list[int]] = {}  # the same, by the later task

    def __enter__(self) -> Self:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._tokens.pop())

    def add(self, task: Task, *, places: Mapping[str, Place] | None = None) -> Task:
        """Take a task in, once; the same task. Raises InvalidTask for a second task of the same name.

        ``places`` says where the task's fields stand, for errors to point at.
        """
        if not isinstance(task, Task):
            raise Place().error(f"only tasks can be in a Dag, not a {type(task).__name__}")
        if id(task) in self._known:
            return task
        name, sweep = task.spec.name, task.spec.sweep
        taken = name if name in self._names or name in self._sweeps else sweep if sweep in self._names else None
        if taken is not None:
            at = (places or {}).get("name", Place(field="name"))
            raise at.error(f"two tasks are called {taken!r}", hint="Give each task a name of its own.")
        if name is not None:
            self._names[name] = len(self._tasks)
        if sweep is not None:
            self._sweeps.setdefault(sweep, []).append(len(self._tasks))
        self._known[id(task)] = len(self._tasks)
        self._places.append(places or {})
        self._tasks.append(task)
        self._found = None
        return task

    def edge(self, earlier: Task | str, later: Task | str) -> None:
        """Let ``later`` wait until ``earlier`` has ended. Both are taken in; a name must be known."""
        for low in self._indices(earlier):
            for high in self._indices(later):
                self._edges[low, high] = None
        self._found = None
        if len(self._edges) > MAX_EDGES:
            raise Place().error(TOO_MANY, hint=LESS)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, in the order in which they were taken in."""
        return tuple(self._tasks)

    def label(self, index: int) -> str:
        """The name of a task, or its number, for people."""
        return self._tasks[index].spec.name or f"task {index + 1}"

    def place(self, task: Task, field: str) -> Place:
        """Where a field of a task stands, for errors to point at."""
        return self._place(self._known[id(task)], field)

    def edges(self) -> list[tuple[Task, Task]]:
        """Every pair (earlier, later), also those that ``depends_on`` says. Raises InvalidTask for an unknown name."""
        return [(self._tasks[low], self._tasks[high]) for low, high in self.numbered_edges()]

    def numbered_edges(self) -> tuple[tuple[int, int], ...]:
        """The same pairs as positions in :attr:`tasks`, each once."""
        if self._found is None:
            found = self._find_edges()
            self._earlier = {}
            for low, high in found:
                self._earlier.setdefault(high, []).append(low)
            self._found = found
        return self._found

    def before(self, task: Task) -> list[Task]:
        """The tasks that must have ended before this one starts."""
        (index,) = self._indices(task)
        self.numbered_edges()
        return [self._tasks[low] for low in self._earlier.get(index, ())]

    def order(self) -> list[Task]:
        """All tasks, each after those it depends on, else as they were taken in. Raises InvalidTask for a cycle."""
        sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(len(self._tasks)), ()))
        for low, high in self.numbered_edges():
            sorter.add(high, low)
        try:
            sorter.prepare()
        except CycleError as error:
            raise self._cycle(error.args[1]) from None
        found: list[Task] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready())
            found += [self._tasks[index] for index in ready]
            sorter.done(*ready)
        return found

    def check(self) -> Dag:
        """This Dag. Raises InvalidTask for a cycle, an unknown name, or when it has no task."""
        if not self._tasks:
            raise Place().error("has no task")
        self.order()
        after = {high for _, high in self.numbered_edges()}
        for index, task in enumerate(self._tasks):
            if task.spec.when.outcome == "failure" and index not in after:
                raise self._place(index, "when").error("comes after no task that could fail, and so would never run")
        return self

    @property
    def is_chain(self) -> bool:
        """Whether every task but the first comes after exactly one, and every one but the last before exactly one."""
        edges = self.numbered_edges()
        count = len(self._tasks)
        starts, ends = {low for low, _ in edges}, {high for _, high in edges}
        return len(edges) == count - 1 == len(starts) == len(ends) and bool(self.order())

    def _indices(self, task: Task | str) -> list[int]:
        if isinstance(task, str):
            return self._named(task, Place())
        return [self._known[id(self.add(task))]]

    def _named(self, name: str, place: Place) -> list[int]:
        """One task, or all tasks of a sweep."""
        if name in self._names:
            return [self._names[name]]
        if name not in self._sweeps:
            names = [*self._sweeps, *self._names]
            known = ", ".join(names[:_SHOWN]) or "none has a name"
            raise place.error(f"there is no task {name!r}", hint=did_you_mean(name, names) or f"The tasks: {known}.")
        return self._sweeps[name]

    def _find_edges(self) -> tuple[tuple[int, int], ...]:
        found = dict(self._edges)
        for index, task in enumerate(self._tasks):
            for name in task.spec.depends_on:
                found.update(dict.fromkeys((low, index) for low in self._named(name, self._place(index, "depends_on"))))
            for output, field in needed(task.spec).items():
                found[self._giver(output, self._place(index, field)), index] = None
            if len(found) > MAX_EDGES:
                raise self._place(index, "depends_on").error(TOO_MANY, hint=LESS)
        return tuple(found)

    def _giver(self, output: Output, place: Place) -> int:
        """The task that an output is of."""
        indices = self._named(output.task, place)
        if output.task in self._sweeps:
            one = self.label(indices[0])
            raise place.error(
                f"{output.task!r} stands for {len(indices)} tasks", hint=f"Name one of them, such as {one}."
            )
        names = self._tasks[indices[0]].spec.output_names
        if output.name not in names:
            hint = did_you_mean(output.name, names) or f"There: output_names: [{', '.join([*names, output.name])}]."
            raise place.error(f"task {output.task!r} names no output {output.name!r}", hint=hint)
        return indices[0]

    def _place(self, index: int, field: str) -> Place:
        return self._places[index].get(field, Place(field=field))

    def _cycle(self, indices: list[int]) -> InvalidTask:
        path = " -> ".join(self.label(index) for index in indices)
        at = self._place(max(indices), "depends_on")
        return at.error(f"the tasks wait for each other in a circle: {path}", hint="Take one of these edges out.")

    def __len__(self) -> int:
        return len(self._tasks)

    def __repr__(self) -> str:
        labels = ", ".join(self.label(index) for index in range(len(self._tasks)))
        return f"Dag({self.name!r}: {labels})"


def link(earlier: Node, later: Node) -> Node:
    """Add the edges that ``earlier >> later`` means to the Dag of the block around; ``later``, for the next ``>>``."""
    dag = _current.get()
    if dag is None:
        raise Place().error("'>>' joins tasks inside of a Dag", hint="Write it in a block `with Dag() as dag:`.")
    for first in _each(earlier):
        for second in _each(later):
            dag.edge(first, second)
    return later


def _each(node: Node) -> Iterable[Task]:
    return [node] if isinstance(node, Task) else node
