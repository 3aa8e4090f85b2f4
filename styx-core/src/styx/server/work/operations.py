"""What takes a while: each kind of request, run by the engine from what was asked, as often as it takes to see it done.

All of them are idempotent, so that a server that takes a request up again runs it from its beginning: names are settled
before the first run, and a job is submitted under a key that is the request's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from styx.client.protocol import LaunchOptions, LaunchResult
from styx.client.wire import dump, load

if TYPE_CHECKING:
    from styx.engine.engine import Engine
    from styx.server.work.progress import Progress
    from styx.spec import Task


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request was asked with. ``secrets`` has those of each task, by position.

    ``again`` is whether a server has begun with it before, and not come to its end; ``past`` is what that one has kept
    of it by ``keep``, which raises Superseded once another server has the request.
    """

    id: str
    arguments: Mapping[str, Any]
    secrets: Mapping[str, Mapping[str, str]] = field(repr=False)
    again: bool = False
    past: Any = None
    keep: Callable[[Any], Awaitable[object]] | None = None

    def task(self, mapping: Mapping[str, Any] | None = None, position: int = 0) -> Task:
        """The task with its secrets."""
        from styx.spec import Task

        task = Task.from_dict(self.arguments["task"] if mapping is None else mapping)
        values = self.secrets.get(str(position))
        return task.secrets(values) if values else task

    @property
    def cluster(self) -> str:
        """The cluster that it is about."""
        return str(self.arguments["cluster"])

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose that was when it was asked, if it was somebody's: another's by now, it is not meant."""
        owner = self.arguments.get("owner")
        return () if owner is None else (str(owner),)


Operation = Callable[["Engine", Asked, "Progress"], Awaitable[Any]]


async def launch(engine: Engine, asked: Asked, progress: Progress) -> Any:
    """Run a task on a new or existing cluster."""
    options = load(LaunchOptions, asked.arguments["options"])
    name, job_id, made = await engine.launch(
        asked.task(), asked.cluster, progress.phase, key=asked.id, **options.for_engine()
    )
    # Where an earlier try has made it, this one found it.
    return dump(LaunchResult(name, job_id, created=made or (asked.again and bool(asked.arguments["new"]))))


async def exec_(engine: Engine, asked: Asked, progress: Progress) -> Any:
    """Queue a task on a cluster that is up."""
    job_id = await engine.exec(asked.task(), asked.cluster, progress.phase, key=asked.id)
    return dump(LaunchResult(asked.cluster, job_id))


async def start(engine: Engine, asked: Asked, progress: Progress) -> Any:
    """Bring a stopped cluster back."""
    from styx.api.backend import Autostop

    given = asked.arguments["autostop"]
    await engine.start(asked.cluster, None if given is None else load(Autostop, given), progress.phase)


async def stop(engine: Engine, asked: Asked, progress: Progress) -> Any:
    """Stop a cluster's machines."""
    await engine.stop(asked.cluster, progress.phase)


async def down(engine: Engine, asked: Asked, progress: Progress) -> Any:
    """Remove a cluster."""
    await engine.down(asked.cluster, progress.phase, forget=bool(asked.arguments["forget"]))


async def discard(engine: Engine, asked: Asked, progress: Progress) -> Any:
    """Remove all of an orphan."""
    from styx.engine.orphans import Orphan

    await engine.discard(load(Orphan, asked.arguments["orphan"]), progress.phase)


async def run_dag(engine: Engine, asked: Asked, progress: Progress) -> Any:
    """Run the tasks of a Dag, each on a cluster of its own, and wait; from where an earlier try has left it."""
    from styx.dags.model import RunOptions
    from styx.dags.run import DagRun
    from styx.server.work.dags import Kept
    from styx.server.work.tasks import dag_of

    tasks = [asked.task(mapping, position) for position, mapping in enumerate(asked.arguments["tasks"])]
    dag = dag_of(tasks, asked.arguments["shape"])
    run = DagRun(engine, dag, load(RunOptions, asked.arguments["options"]), progress.report, Kept(asked))
    if asked.again and asked.past is None:  # by a version that kept nothing of it: it is run anew
        mine = [each.name for each in engine.context.store.clusters.list() if each.user == engine.context.user]
        left = [name for name in mine if name.startswith(f"{run.name}-")]
        await asyncio.gather(*(engine.down(name, progress.phase) for name in left))
    return dump(await run.run())


async def remove_dag(engine: Engine, asked: Asked, progress: Progress) -> None:
    """Remove the clusters of a run that is to end and that nobody runs."""
    from styx.server.work.dags import Kept

    if not asked.arguments["options"]["keep"]:
        clusters = [each.cluster for each in Kept(asked).past.values() if each.cluster]
        await asyncio.gather(*(engine.down(name, progress.phase) for name in clusters), return_exceptions=True)


OPERATIONS: Mapping[str, Operation] = {
    "launch": launch,
    "exec": exec_,
    "start": start,
    "stop": stop,
    "down": down,
    "discard": discard,
    "dag": run_dag,
}

# Of those that leave something behind where they are cancelled while no server works on them.
REMOVALS: Mapping[str, Operation] = {"dag": remove_dag}
