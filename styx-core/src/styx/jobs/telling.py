"""Telling those who asked to be told what became of a managed job."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from styx.api.errors import StyxError
from styx.config import Jobs
from styx.engine.context import Context
from styx.jobs import webhooks
from styx.jobs.model import JobOptions
from styx.store.managed import ManagedJob, ManagedState

PAUSES = (2.0, 15.0)  # seconds before each time that it is tried again
_TRY_AGAIN = 500  # statuses from here on are the other side's trouble, which may pass
_GOOD = range(200, 300)
_POSTS = ThreadPoolExecutor(4, "styx-webhooks")  # of their own: who answers slowly keeps nothing else from a thread


def to_be_told(job: ManagedJob) -> tuple[str, ...]:
    """The URLs that want to know how this job has ended."""
    options = JobOptions.from_data(job.options)
    if job.state is ManagedState.SUCCEEDED:
        return options.on_success
    return () if job.good else options.on_failure


async def tell(context: Context, job: ManagedJob) -> None:
    """Post what became of the job to each URL that wants to know. Never raises for what goes wrong: it is noted."""
    await asyncio.gather(*(_post(context, job, url) for url in to_be_told(job)))


async def _post(context: Context, job: ManagedJob, url: str) -> None:
    settings: Jobs = context.config.jobs
    for pause in (*PAUSES, None):
        try:
            status = await asyncio.get_running_loop().run_in_executor(
                _POSTS,
                partial(
                    webhooks.post,
                    url,
                    body(job),
                    allow=settings.webhooks_allow,
                    secret=settings.webhooks_secret,
                    now=int(time.time()),
                ),
            )
            said = f"answered {status}"
            final = status < _TRY_AGAIN
            if status in _GOOD:
                break
        except StyxError as error:
            said, final = error.message, True
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
