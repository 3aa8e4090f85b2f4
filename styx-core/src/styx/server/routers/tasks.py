"""Tasks: checked, and explained. Nothing is made."""

from __future__ import annotations

from dataclasses import replace

from styx.engine.engine import check_name
from styx.engine.explain import Explanation
from styx.server.auth.access import CallerOf
from styx.server.auth.turns import Turns
from styx.server.http.apart import ApartOf
from styx.server.http.routing import routes
from styx.server.models import ExplainIn, TaskIn, TaskOut
from styx.server.parts import PartsOf
from styx.server.settings import MiB
from styx.server.work.tasks import without_secrets, written

router = routes("tasks", "/v1/tasks")

_ALONE = Turns(1, 200)  # of each user: the offers for all alternatives of a task are in memory at once
_MOST_TOLD, _OFFER = 8 * MiB, 512  # bytes of what fits, and of each about so many beside its alternative


@router.post("")
async def check(body: TaskIn, apart: ApartOf) -> TaskOut:
    """Whether a task can be read; its canonical form."""
    return TaskOut(task=await apart(lambda: written(body).to_dict()))


@router.post("/explain")
async def explain(body: ExplainIn, caller: CallerOf, parts: PartsOf, apart: ApartOf) -> Explanation:
    """Why a launch would go where it would: what fits, the best first, and why the rest does not.

    Of very much that fits the last is left out; `more` says of how much.
    """
    if body.options.cluster:
        check_name(body.options.cluster)
    async with _ALONE.of(caller.user):
        found = await parts.engine.for_user(caller.user).explain(
            await apart(without_secrets, body),
            _quiet,
            autostop=body.options.policy,
            account=body.options.account,
            max_hourly_cost=body.options.max_hourly_cost,
            not_yet=body.not_yet,
        )
    return told(found)


def told(found: Explanation) -> Explanation:
    """As much of it as is sent. Each choice names its alternative, which may be long."""
    sizes, left = dict[int, int](), _MOST_TOLD
    for count, choice in enumerate(found.choices):
        which = id(choice.alternative)
        if which not in sizes:
            sizes[which] = _OFFER + len(repr(choice.alternative))
        left -= sizes[which]
        if left < 0 < count:
            refused = found.refused[:count]
            return replace(found, choices=found.choices[:count], refused=refused, more=len(found.choices) - count)
    return found


def _quiet(phase: str, sentence: str) -> None:
    """Nobody listens."""
