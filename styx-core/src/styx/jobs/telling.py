"""Telling those who asked to be told what became of a managed job."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from styx.api.errors import StyxError
from styx.config import Jobs
from styx.engine.context import Context
from styx.engine.workers import Overdue, Workers
from styx.jobs import urls, webhooks
from styx.jobs.model import JobOptions
from styx.sealing import SealingError
from styx.store.managed import ManagedJob, ManagedState

if TYPE_CHECKING:
    from styx.sealing import Sealer

PAUSES = (2.0, 15.0)  # seconds before each time that it is tried again
_TRY_AGAIN = 500  # statuses from here on are the other side's trouble, which may pass
_GOOD = range(200, 300)
_AT_ONCE = 4  # for each user: whoever is told by one of them and answers slowly keeps no other's waiting
_MORE = 1.0  # seconds that a post is given to end by itself
_posts: WeakValueDictionary[str, Workers[int]] = WeakValueDictionary()  # of each user who has any under way


def to_be_told(job: ManagedJob) -> tuple[str, ...]:
    """The URLs that want to know how this job has ended, as its options have them."""
    options = JobOptions.from_data(job.options)
    if job.state is ManagedState.SUCCEEDED:
        return options.on_success
    return () if job.good else options.on_failure


async def tell(context: Context, sealer: Sealer, job: ManagedJob) -> None:
    """Post what became of the job to each URL that wants to know. Never raises for what goes wrong: it is noted."""
    try:
        found = to_be_told(replace(job, options=urls.opened(sealer, job)))
    except SealingError as error:
        context.store.jobs.note(job.id, "webhook", error.message)
        return
    posts = _posts.setdefault(job.user, Workers(_AT_ONCE, "styx-webhooks"))
    await asyncio.gather(*(_post(context, job, url, posts) for url in found))


async def _post(context: Context, job: ManagedJob, url: str, posts: Workers[int]) -> None:
    settings: Jobs = context.config.jobs
    for pause in (*PAUSES, None):
        work = partial(
            webhooks.post,
            url,
            body(job),
            allow=settings.webhooks_allow,
            secret=settings.webhooks_secret,
            now=int(time.time()),
        )
        try:
            status = await posts.run(work, webhooks.SECONDS + _MORE, harmless=True)
            said = f"answered {status}"
            final = status < _TRY_AGAIN
            if status in _GOOD:
                break
        except StyxError as error:
            said, final = error.message, True
        except Overdue:  # nobody can end the search for an address; whatever it finds, nothing is posted there any more
            said, final = "its address is not found in time", False
        except OSError as error:
            said, final = str(error.strerror or error) or type(error).__name__, False
        if final or pause is None:
            break
        await asyncio.sleep(pause)
    context.store.jobs.note(job.id, "webhook", f"{urlsplit(url).hostname}: {said}")


def body(job: ManagedJob) -> dict[str, Any]:
    """What is posted. Its task is not: it may say more than whoever listens there should know."""
    return {
        "event": "job.ended",
        "job": {
            "id": job.id,
            "name": job.name,
            "state": job.state.value,
            "reason": job.reason,
            "exit_code": job.exit_code,
            "user": job.user,
            "group": job.group,
            "rank": job.rank,
            "size": job.size,
            "runs": job.runs,
            "restarts": job.restarts,
            "recoveries": job.recoveries,
            "outputs": dict(job.outputs),
            "cost": None if job.cost is None else str(job.cost),
            "started_at": None if job.started_at is None else job.started_at.isoformat(),
            "ended_at": None if job.ended_at is None else job.ended_at.isoformat(),
        },
    }
