"""Dags: planned, run while somebody watches, or looked after as a group of managed jobs."""

from __future__ import annotations

import asyncio

from styx.client.wire import load
from styx.dags.model import RunOptions
from styx.dags.plan import plan_places
from styx.jobs.submit import submit_dag
from styx.server.access import CallerOf
from styx.server.models import DagJobsIn, DagPlanned, DagRunIn, Page, RequestOut, RunOptionsIn
from styx.server.parts import PartsOf
from styx.server.responses import whole
from styx.server.routers.jobs import key_of, options_of, shown
from styx.server.routing import routes
from styx.server.tasks import dag_of, secrets_of, shape_of, task_of, without_files
from styx.store.managed import ManagedJob

router = routes("dags", "/v1/dags")


@router.post("", status_code=201)
async def launch(body: DagJobsIn, caller: CallerOf, parts: PartsOf) -> Page[ManagedJob]:
    """Hand in the tasks of a Dag as one group of managed jobs."""
    dag = dag_of([task_of(each, parts.uploads, caller.user) for each in body.dag.tasks], shape_of(body.dag))
    made = await asyncio.to_thread(
        submit_dag,
        parts.store,
        parts.sealer,
        dag,
        options_of(body.options),
        user=caller.user,
        key=key_of(caller, body.key),
    )
    parts.runtime.nudge()
    return whole(shown(made))  # type: ignore[return-value]


@router.post("/plan")
async def plan(body: DagRunIn, caller: CallerOf, parts: PartsOf) -> DagPlanned:
    """Where a run would put each task, and what that would cost."""
    dag = dag_of([without_files(each) for each in body.dag.tasks], shape_of(body.dag))
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
async def run(body: DagRunIn, caller: CallerOf, parts: PartsOf) -> RequestOut:
    """Run the tasks, each on a cluster of its own. The request's result is what became of each."""
    tasks = [task_of(each, parts.uploads, caller.user) for each in body.dag.tasks]
    shape = shape_of(body.dag)
    dag_of(tasks, shape)  # refused before it is on record
    arguments = {
        "tasks": [task.to_dict() for task in tasks],
        "shape": shape,
        "options": body.options.model_dump(mode="json"),
    }
    return RequestOut.of(await parts.requests.submit("dag", caller.user, arguments, secrets_of(tasks)))


def _options(given: RunOptionsIn) -> RunOptions:
    return load(RunOptions, given.model_dump(mode="json"))
