"""``Dag``: several tasks and which of them come before which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from graphlib import CycleError, TopologicalSorter
from typing import Self, TypeAlias

from styx.api.errors import InvalidTask
from styx.spec.place import Place
from styx.spec.suggest import did_you_mean
from styx.spec.task import Task

Node: TypeAlias = "Task | list[Task]"

SERIAL = "serial"
PARALLEL = "parallel"  # a job group: all at once, and they may talk to each other

_SHOWN = 20  # names that a hint lists

_current: ContextVar[Dag | None] = ContextVar("styx_dag", default=None)


class Dag:
    """Tasks and the order among them.

    ::

        with Dag("pipeline") as dag:
            prepare >> [train, baseline] >> report

    or without the block ``dag.add(task)`` and ``dag.edge(earlier, later)``. A task may also name those it comes after
    with ``depends_on``. Tasks are told apart as objects and, where they have one, by name: names are unique.
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
        self._tokens: list[Token[Dag | None]] = []
        self._places: list[Mapping[str, Place]] = []  # of each task: where its fields stand

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
        name = task.spec.name
        if name in self._names:
            at = (places or {}).get("name", Place(field="name"))
            raise at.error(f"two tasks are called {name!r}", hint="Give each task a name of its own.")
        if name is not None:
            self._names[name] = len(self._tasks)
        self._known[id(task)] = len(self._tasks)
        self._places.append(places or {})
        self._tasks.append(task)
        return task

    def edge(self, earlier: Task | str, later: Task | str) -> None:
        """Let ``later`` start only when ``earlier`` has succeeded. Both are taken in; a name must be known."""
        self._edges[self._index(earlier), self._index(later)] = None

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, in the order in which they were taken in."""
        return tuple(self._tasks)

    def place(self, task: Task, field: str) -> Place:
        """Where a field of a task stands, for errors to point at."""
        return self._places[self._index(task)].get(field, Place(field=field))

    def edges(self) -> list[tuple[Task, Task]]:
        """Every pair (earlier, later), also those that ``depends_on`` says. Raises InvalidTask for an unknown name."""
        return [(self._tasks[low], self._tasks[high]) for low, high in self._all_edges()]

    def before(self, task: Task) -> list[Task]:
        """The tasks that must have succeeded before this one starts."""
        index = self._index(task)
        return [self._tasks[low] for low, high in self._all_edges() if high == index]

    def order(self) -> list[Task]:
        """All tasks, each after those it depends on, else as they were taken in. Raises InvalidTask for a cycle."""
        sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(len(self._tasks)), ()))
        for low, high in self._all_edges():
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
        return self

    @property
    def is_chain(self) -> bool:
        """Whether every task but the first comes after exactly one, and every one but the last before exactly one."""
        edges = self._all_edges()
        count = len(self._tasks)
        starts, ends = {low for low, _ in edges}, {high for _, high in edges}
        return len(edges) == count - 1 == len(starts) == len(ends) and bool(self.order())

    def _index(self, task: Task | str) -> int:
        if isinstance(task, str):
            return self._named(task, Place())
        return self._known[id(self.add(task))]

    def _named(self, name: str, place: Place) -> int:
        if name not in self._names:
            known = ", ".join([*self._names][:_SHOWN]) or "none has a name"
            hint = did_you_mean(name, self._names) or f"The tasks: {known}."
            raise place.error(f"there is no task {name!r}", hint=hint)
        return self._names[name]

    def _all_edges(self) -> list[tuple[int, int]]:
        found = dict(self._edges)
        for index, task in enumerate(self._tasks):
            for name in task.spec.depends_on:
                found[self._named(name, self._depends_on(index)), index] = None
        return list(found)

    def _depends_on(self, index: int) -> Place:
        return self._places[index].get("depends_on", Place(field="depends_on"))

    def _cycle(self, indices: list[int]) -> InvalidTask:
        path = " -> ".join(self._label(index) for index in indices)
        at = self._depends_on(max(indices))
        return at.error(f"the tasks wait for each other in a circle: {path}", hint="Take one of these edges out.")

    def _label(self, index: int) -> str:
        return self._tasks[index].spec.name or f"task {index + 1}"

    def __len__(self) -> int:
        return len(self._tasks)

    def __repr__(self) -> str:
        labels = ", ".join(self._label(index) for index in range(len(self._tasks)))
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
