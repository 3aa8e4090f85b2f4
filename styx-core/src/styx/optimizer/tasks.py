"""What the optimizer needs to know of a DAG: for each task where it could run, and what moves between tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

P = TypeVar("P")


class Objective(Enum):
    """What a plan is to be least in. Where several are, the other one decides."""

    COST = "cost"
    TIME = "time"


class Site(NamedTuple):
    """A place between which data moves; what is not known is empty."""

    cloud: str
    region: str = ""
    zone: str = ""


class Rate(NamedTuple):
    """What it takes to move one GiB: USD and hours."""

    usd: Decimal = Decimal(0)
    hours: float = 0.0


Transfer = Callable[[Site, Site], Rate]


class Data(NamedTuple):
    """``gib`` that a task reads from a fixed place, once it runs."""

    site: Site
    gib: float


class Edge(NamedTuple):
    """The task at position ``later`` starts when the one at ``earlier`` has ended and ``gib`` of it have arrived."""

    earlier: int
    later: int
    gib: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate(Generic[P]):
    """One way to run a task. ``cost`` is USD for the task as a whole, ``hours`` how long it runs there.

    A candidate of unknown ``cost`` (None) counts only for a task that has none of known cost. ``preference`` is the
    position of the alternative where these are ordered: only candidates of the lowest one that a task has are taken.
    """

    payload: P
    site: Site
    cost: Decimal | None
    hours: float = 1.0
    preference: int = 0


@dataclass(frozen=True, slots=True)
class Work(Generic[P]):
    """One task of the DAG: its candidates, best first where nothing else decides, and what it reads."""

    name: str
    candidates: tuple[Candidate[P], ...]
    inputs: tuple[Data, ...] = ()


@dataclass(frozen=True, slots=True)
class DagPlan(Generic[P]):
    """One candidate for each task, in the order of the tasks.

    ``cost`` is USD for everything, None when a price is unknown; ``transfer_cost`` the part of it that moving data
    takes; ``hours`` the length of the critical path with what moves on it; ``starts`` when each task starts, in hours.
    ``proved`` is False where patience ran out: then there may be a better one.
    """

    picks: tuple[Candidate[P], ...]
    cost: Decimal | None
    transfer_cost: Decimal
    hours: float
    starts: tuple[float, ...]
    proved: bool = True
