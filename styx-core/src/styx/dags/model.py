"""What a run of a Dag is asked for, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from styx.api.backend import Autostop
from styx.dags.schedule import TaskState
from styx.optimizer.tasks import Objective

AT_ONCE = 16

# What every cluster of a run is given, unless it is kept: it goes by itself, should the run not live to remove it.
POLICY = Autostop(5, down=True, wait_for="jobs")

# Called with the name of a task, what happens (state, job, note, log, or a phase of the engine's), and a text.
Report = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run, apart from what. ``max_hourly_cost`` is for each task, in USD for all its nodes."""

    name: str = ""
    at_once: int = AT_ONCE
    keep: bool = False  # the clusters
    account: str | None = None
    max_hourly_cost: Decimal | None = None
    objective: Objective = Objective.COST


@dataclass(slots=True)
class TaskResult:
    """What became of one task. Times are None where it never ran."""

    name: str
    state: TaskState = TaskState.WAITING
    cluster: str = ""
    exit_code: int | None = None
    reason: str = ""
    tries: int = 0
    began_at: datetime | None = None
    ended_at: datetime | None = None
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DagResult:
    """What became of a run, task by task in the order of the Dag."""

    name: str
    succeeded: bool
    tasks: tuple[TaskResult, ...]
