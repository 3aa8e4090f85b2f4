"""Tasks and Dags as clients send them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styx.api.errors import InvalidTask
from styx.spec import Dag, Task

if TYPE_CHECKING:
    from styx.server.models import DagIn, TaskIn
    from styx.server.uploads import Uploads

_NOWHERE = Path("/nowhere")  # paths of a client start there: none of ours is meant


def task_of(given: TaskIn, uploads: Uploads) -> Task:
    """The task with its secrets, its files where they were put. Raises InvalidTask, NoSuchThing."""
    task = Task.from_dict(given.task, _NOWHERE)
    known = {*task.spec.secrets, *task.spec.missing_secrets}
    unknown = sorted(set(given.secrets) - known)
    if unknown:
        raise InvalidTask(f"the task names no secret {unknown[0]!r}", field="secrets")
    if given.secrets:
        task = task.secrets(given.secrets)
    return uploads.localised(task, given.files)


def shape_of(given: DagIn) -> dict[str, Any]:
    """What a Dag is beside its tasks, to be kept with a request."""
    return given.model_dump(mode="json", include={"name", "execution", "header", "edges"})


def dag_of(tasks: Sequence[Task], shape: Mapping[str, Any]) -> Dag:
    """The Dag, checked. Raises InvalidTask."""
    dag = Dag(shape["name"], execution=shape["execution"], options=shape["header"])
    for task in tasks:
        dag.add(task)
    for low, high in shape["edges"]:
        if max(low, high) >= len(tasks):
            raise InvalidTask(f"an edge names task {max(low, high)}, and there are {len(tasks)}", field="edges")
        dag.edge(tasks[low], tasks[high])
    return dag.check()


def secrets_of(tasks: Sequence[Task]) -> dict[str, dict[str, str]]:
    """The secrets of each task that has some, by position."""
    return {str(position): dict(task.spec.secrets) for position, task in enumerate(tasks) if task.spec.secrets}
