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
# A cluster counts as idle while the files of a task are sent to it, so the time has to be longer than that takes.
POLICY = Autostop(30, down=True, wait_for="jobs")

# Called with the name of a task, what happens (state, job, note, log, left, or a phase of the engine's), and a text.
Report = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run, apart from what. ``max_hourly_cost`` is for each task, in USD for all its nodes.

    ``agreed`` is what an hour of each task was agreed to cost, in the order of the Dag (an item that is None:
    nobody was asked): nothing dearer is made. Without it that is what the plan of the run says.
    """

    name: str = ""
    at_once: int = AT_ONCE
    keep: bool = False  # the clusters
    account: str | None = None
    max_hourly_cost: Decimal | None = None
    objective: Objective = Objective.COST
    agreed: tuple[Decimal | None, ...] | None = None


@dataclass(slots=True)
class TaskResult:
    """What became of one task. Times are None where it never ran.

    ``left`` says why its cluster is still there, though it should have been removed; ``reason`` has it too.
    """

    name: str
    state: TaskState = TaskState.WAITING
    cluster: str = ""
    exit_code: int | None = None
    reason: str = ""
    tries: int = 0
    began_at: datetime | None = None
    ended_at: datetime | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    left: str = ""


@dataclass(frozen=True, slots=True)
class DagResult:
    """What became of a run, task by task in the order of the Dag. One that leaves a cluster has not succeeded."""

    name: str
    succeeded: bool
    tasks: tuple[TaskResult, ...]
