"""Tasks: checked, and explained. Nothing is made."""

from __future__ import annotations

from styx.engine.engine import check_name
from styx.engine.explain import Explanation
from styx.server.auth.access import IN_TURN, CallerOf
from styx.server.http.apart import ApartOf
from styx.server.http.routing import routes
from styx.server.models import ExplainIn, TaskIn, TaskOut
from styx.server.parts import PartsOf
from styx.server.work.tasks import without_secrets, written

router = routes("tasks", "/v1/tasks")


@router.post("")
async def check(body: TaskIn, apart: ApartOf) -> TaskOut:
    """Whether a task can be read; its canonical form."""
    return TaskOut(task=await apart(lambda: written(body).to_dict()))


@router.post("/explain", dependencies=[IN_TURN])
async def explain(body: ExplainIn, caller: CallerOf, parts: PartsOf, apart: ApartOf) -> Explanation:
    """Why a launch would go where it would: all that fits, and why the rest does not."""
    if body.options.cluster:
        check_name(body.options.cluster)
    return await parts.engine.for_user(caller.user).explain(
        await apart(without_secrets, body),
        _quiet,
        autostop=body.options.policy,
        account=body.options.account,
        max_hourly_cost=body.options.max_hourly_cost,
        not_yet=body.not_yet,
    )


def _quiet(phase: str, sentence: str) -> None:
    """Nobody listens."""
