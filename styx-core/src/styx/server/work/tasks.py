"""Tasks and Dags as clients send them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styx.api.errors import InvalidTask
from styx.client.refusals import TooLarge
from styx.spec import Dag, Task
from styx.spec.files import is_uri

if TYPE_CHECKING:
    from styx.server.files.uploads import Uploads
    from styx.server.models import DagIn, TaskIn
    from styx.server.settings import Settings

_NOWHERE = Path("/nowhere")  # paths of a client start there: none of ours is meant
MOST_ALTERNATIVES = 64  # of one task: for each of them there may be thousands of offers
MOST_IN_A_PLAN = 128  # that differ, of the tasks of a Dag
MOST_DESCRIBED = 64 * 1024  # bytes of one task beside what its nodes get: they come back in records, errors and lists
LONGEST_NAME = 2048  # characters of what the resources name: where there is none, errors repeat it
_FOR_NODES = frozenset({"setup", "run", "envs", "secrets", "file_mounts"})


def written(given: TaskIn) -> Task:
    """The task with its secrets, as it is written: its files are its client's. Raises InvalidTask."""
    task = Task.from_dict(given.task, _NOWHERE)
    known = {*task.spec.secrets, *task.spec.missing_secrets}
    unknown = sorted(set(given.secrets) - known)
    if unknown:
        raise InvalidTask(f"the task names no secret {unknown[0]!r}", field="secrets")
    count = len(task.spec.resources.alternatives)
    if count > MOST_ALTERNATIVES:
        raise InvalidTask(
            f"the resources give {count} alternatives, and a server takes {MOST_ALTERNATIVES}",
            hint="Name fewer in any_of, ordered and accelerators.",
            field="resources",
        )
    described = {name: value for name, value in task.to_dict().items() if name not in _FOR_NODES}
    if len(json.dumps(described)) > MOST_DESCRIBED:
        longest = max(described, key=lambda name: len(json.dumps(described[name])))
        raise InvalidTask(
            f"beside its scripts, variables and files a task has more than {MOST_DESCRIBED >> 10} KiB",
            hint=f"Most of that is in {longest!r}.",
            field=longest,
        )
    if any(len(name) > LONGEST_NAME for name in _texts(described.get("resources"))):
        raise InvalidTask(f"the resources name something by more than {LONGEST_NAME} characters", field="resources")
    return task.secrets(given.secrets) if given.secrets else task


def _texts(value: object) -> Iterator[str]:
    """All texts in plain data, but for keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def without_secrets(given: TaskIn) -> Task:
    """The task as it is written, with the names of its secrets alone: what is told of it is told without them."""
    spec = written(given).spec
    return Task.from_spec(replace(spec, secrets={}, missing_secrets=(*spec.missing_secrets, *spec.secrets)))


def task_of(given: TaskIn, uploads: Uploads, user: str) -> Task:
    """The task with its secrets, its files where they were put for this user. Raises InvalidTask, NoSuchThing."""
    return uploads.localised(written(given), given.files, user)


def without_files(given: TaskIn) -> Task:
    """The task with its secrets and without its client's files, of which nothing depends yet. Raises InvalidTask."""
    task = written(given)
    spec = task.spec
    local = isinstance(spec.workdir, str) and not is_uri(spec.workdir)
    mounts = {target: mount for target, mount in spec.file_mounts.items() if isinstance(mount, str) and is_uri(mount)}
    return Task.from_spec(replace(spec, workdir=None if local else spec.workdir, file_mounts=mounts))


def size_of(task: Task) -> int:
    """How many bytes it takes on record, its variables replaced by what they stand for."""
    return len(json.dumps(task.to_dict()))


def too_large(what: str, settings: Settings) -> TooLarge:
    """Why so many tasks are not put on record."""
    return TooLarge(
        f"{what} come to more than {settings.user_bodies >> 20} MiB with their variables replaced",
        hint="Put what is long in a file.",
    )


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


def require_plannable(dag: Dag) -> Dag:
    """The Dag, if what its tasks need is not too much to be asked for at once. Raises InvalidTask."""
    found = {repr(each) for task in dag.tasks for each in task.spec.resources.alternatives}
    if len(found) > MOST_IN_A_PLAN:
        raise InvalidTask(
            f"the tasks need {len(found)} different machines, and a server plans for {MOST_IN_A_PLAN}",
            hint="Hand them in as managed jobs (`styx jobs launch`), each of which finds its own.",
            field="resources",
        )
    return dag


def secrets_of(tasks: Sequence[Task]) -> dict[str, dict[str, str]]:
    """The secrets of each task that has some, by position."""
    return {str(position): dict(task.spec.secrets) for position, task in enumerate(tasks) if task.spec.secrets}
