"""Dags: planned, run while somebody watches, or looked after as a group of managed jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from styx.client.wire import load
from styx.dags.model import RunOptions
from styx.dags.plan import plan_places
from styx.engine.ownership import require_allowed
from styx.jobs.recovery import require_known
from styx.jobs.submit import submit_dag
from styx.server.auth.access import IN_TURN, CallerOf, NoteOf
from styx.server.http.apart import ApartOf
from styx.server.http.responses import IdempotencyKey, whole
from styx.server.http.routing import routes
from styx.server.http.submitting import SubmitOf
from styx.server.models import DagIn, DagJobsIn, DagPlanned, DagRunIn, Page, RequestOut, RunOptionsIn, TaskIn
from styx.server.parts import Parts, PartsOf
from styx.server.routers.jobs import handing_in, key_of, options_of, shown
from styx.server.work.tasks import (
    dag_of,
    require_plannable,
    secrets_of,
    shape_of,
    size_of,
    task_of,
    too_large,
    without_files,
)
from styx.spec import Dag, Task
from styx.store.managed import ManagedJob

router = routes("dags", "/v1/dags")


@router.post("", status_code=201, dependencies=[IN_TURN])
async def launch(
    body: DagJobsIn,
    caller: CallerOf,
    parts: PartsOf,
    apart: ApartOf,
    note: NoteOf,
    idempotency_key: IdempotencyKey = None,
) -> Page[ManagedJob]:
    """Hand in the tasks of a Dag as one group of managed jobs.

    The same again under the same key is answered with the same jobs, as they are by then, as long as they are on
    record.
    """
    dag = await apart(_dag, body.dag, parts, partial(task_of, uploads=parts.uploads, user=caller.user))
    engine = await parts.off_loop(parts.engine.for_user, caller.user)
    await apart(require_allowed, engine.context, [task.spec for task in dag.tasks])
    await asyncio.to_thread(require_known, engine.context.plugins, body.options.strategy)
    made = await handing_in(
        submit_dag,
        parts.store,
        parts.sealer,
        dag,
        options_of(body.options),
        user=caller.user,
        key=key_of(caller, body.key or idempotency_key),
    )
    note(first=made[0].id, count=len(made))
    parts.runtime.nudge()
    return whole(shown(made))  # type: ignore[return-value]


@router.post("/plan", dependencies=[IN_TURN])
async def plan(body: DagRunIn, caller: CallerOf, parts: PartsOf, apart: ApartOf) -> DagPlanned:
    """Where a run would put each task, and what that would cost."""
    dag = await apart(_plannable, body.dag, parts, without_files)
    found = await plan_places(parts.engine.for_user(caller.user), dag, _options(body.options))
    names = [task.spec.name or f"task {number + 1}" for number, task in enumerate(dag.tasks)]
    return DagPlanned(
        tasks=list(zip(names, [pick.payload for pick in found.picks], strict=True)),
        cost=found.cost,
        transfer_cost=found.transfer_cost,
        hours=found.hours,
        proved=found.proved,
    )


@router.post("/run", status_code=202)
async def run(body: DagRunIn, caller: CallerOf, parts: PartsOf, submit: SubmitOf, apart: ApartOf) -> RequestOut:
    """Run the tasks, each on a cluster of its own. The request's result is what became of each."""
    # Refused before it is on record.
    dag = await apart(_plannable, body.dag, parts, partial(task_of, uploads=parts.uploads, user=caller.user))
    arguments = {
        "tasks": await apart(lambda: [task.to_dict() for task in dag.tasks]),
        "shape": shape_of(body.dag),
        "options": body.options.model_dump(mode="json"),
    }
    return await submit("dag", arguments, secrets_of(dag.tasks))


def _dag(given: DagIn, parts: Parts, task: Callable[[TaskIn], Task]) -> Dag:
    """The Dag, whose tasks are counted as they are made: a short one may stand for a long one."""
    tasks, left = list[Task](), parts.settings.user_bodies
    for each in given.tasks:
        tasks.append(task(each))
        left -= size_of(tasks[-1])
        if left < 0:
            raise too_large(f"{len(given.tasks)} tasks", parts.settings)
    return dag_of(tasks, shape_of(given))


def _plannable(given: DagIn, parts: Parts, task: Callable[[TaskIn], Task]) -> Dag:
    return require_plannable(_dag(given, parts, task))


def _options(given: RunOptionsIn) -> RunOptions:
    return load(RunOptions, given.model_dump(mode="json"))
