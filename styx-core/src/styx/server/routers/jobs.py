"""Managed jobs: handed in, looked at, followed and ended."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated

from fastapi import Path, Query, Response

from styx.client.refusals import Elsewhere, Forbidden
from styx.engine.ownership import require_allowed
from styx.jobs import costs, urls
from styx.jobs import logs as joblogs
from styx.jobs.model import JobOptions
from styx.jobs.recovery import require_known
from styx.jobs.submit import submit
from styx.server.auth.access import IN_TURN, AgainOf, CallerOf, NoteOf, TurnsOf
from styx.server.auth.tokens import Caller
from styx.server.files.uploads import told
from styx.server.http.apart import ApartOf
from styx.server.http.responses import (
    After,
    IdempotencyKey,
    LastEventId,
    Limit,
    Wait,
    event_number,
    last_page,
    stream,
    whole,
)
from styx.server.http.responses import number as cursor_number
from styx.server.http.routing import routes
from styx.server.http.sse import Event, EventStream
from styx.server.models import Cancelled, JobOptionsIn, JobsIn, ManagedIds, Page
from styx.server.parts import Parts, PartsOf
from styx.server.routers.clusterjobs import Follow, Tail
from styx.server.settings import MiB
from styx.server.work.tasks import size_of, task_of, too_large
from styx.store import Store
from styx.store.managed import JobEvent, JobQuery, ManagedJob, ManagedState
from styx.threads import Pool

router = routes("managed jobs", "/v1/jobs")

_SHORTEST, _LONGEST = 0.1, 2.0  # seconds between two looks at a job that somebody waits for
_LARGEST = 2**31 - 1
_LARGEST_PAGE = 2 * MiB
_SMALL_PAGE = 100  # jobs, of which any number may be asked for at the same time
handing_in = Pool(8, "styx-hand-in")
JobNumber = Annotated[int, Path(ge=1, le=_LARGEST, examples=[1])]
Word = Annotated[str | None, Query(max_length=200)]


@router.get("")
async def jobs(
    parts: PartsOf,
    caller: CallerOf,
    turns: TurnsOf,
    *,
    state: Annotated[ManagedState | None, Query()] = None,
    user: Word = None,
    name: Word = None,
    group: Word = None,
    pool: Word = None,
    ended: Annotated[bool | None, Query()] = None,
    oldest_first: bool = False,
    after: Annotated[
        int | None, Query(ge=0, le=_LARGEST, description="the id of the last job of the page before")
    ] = None,
    limit: Limit = 100,
    brief: Annotated[bool, Query(description="without task and options, which may be large")] = False,
) -> Page[ManagedJob]:
    """A page of jobs, by one of state, user, name, group, pool and ended; or by user with state or ended.

    It has fewer than were asked for where these are large: whether there are more, `next` says.
    """
    query = JobQuery(state, user, name, group, pool, ended, oldest_first, after, limit, brief)
    async with turns.of(caller.user) if limit > _SMALL_PAGE else nullcontext():
        found, more = await parts.off_loop(_part, parts.store, query)
        return {"items": shown(found), "next": str(found[-1].id) if more else None}  # type: ignore[return-value]


def _part(store: Store, query: JobQuery) -> tuple[list[ManagedJob], bool]:
    found, more = store.jobs.part(query, _LARGEST_PAGE)
    return costs.so_far(store, found), more


@router.post("", status_code=201, dependencies=[IN_TURN])
async def launch(
    body: JobsIn,
    caller: CallerOf,
    parts: PartsOf,
    apart: ApartOf,
    note: NoteOf,
    idempotency_key: IdempotencyKey = None,
) -> Page[ManagedJob]:
    """Hand in a task to be looked after to its end, or an array of them.

    The same again under the same key is answered with the same jobs, as they are by then, as long as they are on
    record. Of more than a hundred jobs the answer leaves out task and options, which are those that were sent.
    """
    task = await apart(task_of, body, parts.uploads, caller.user)
    if max(apart.size, await apart(size_of, task)) * body.count > parts.settings.user_bodies:  # each has its own
        raise too_large(f"{body.count} jobs", parts.settings)
    engine = await parts.off_loop(parts.engine.for_user, caller.user)
    await apart(require_allowed, engine.context, [task.spec])
    await asyncio.to_thread(require_known, engine.context.plugins, body.options.strategy)
    made = await handing_in(
        submit,
        parts.store,
        parts.sealer,
        task,
        options_of(body.options),
        user=caller.user,
        name=body.name,
        count=body.count,
        key=key_of(caller, body.key or idempotency_key),
    )
    note(first=made[0].id, count=len(made))
    parts.runtime.nudge()
    if len(made) > _SMALL_PAGE:
        made = [replace(each, sealed=None, task={}, options={}) for each in made]
    return whole(shown(made))  # type: ignore[return-value]


@router.get("/{number:int}")
async def job(number: JobNumber, parts: PartsOf, wait: Wait = 0) -> ManagedJob:
    """One job."""
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + wait, _SHORTEST
    while True:
        found: ManagedJob = await parts.off_loop(parts.store.jobs.get, number)
        if found.state.ended or loop.time() >= deadline or parts.streams.closing.is_set():
            return shown(await parts.off_loop(costs.so_far, parts.store, [found]))[0]
        await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
        pause = min(2 * pause, _LONGEST)


@router.get("/{number:int}/events")
async def events(number: JobNumber, parts: PartsOf, after: After = None, limit: Limit = 1000) -> Page[JobEvent]:
    """What happened to a job, oldest first. The last so many come first."""
    found = await parts.off_loop(parts.store.jobs.events, number, limit + 1, before=cursor_number(after))
    return last_page(found, limit)  # type: ignore[return-value]


@router.get(
    "/{number:int}/logs",
    response_class=Response,
    responses=stream(
        "`log` {offset, data}, where data is base64; the id is the byte after it. Then `end`, or `problem`. A stream "
        "that ends with neither was cut: resume it with Last-Event-ID."
    ),
)
async def logs(
    number: JobNumber,
    parts: PartsOf,
    *,
    follow: Follow = True,
    tail: Tail = None,
    offset: Annotated[int, Query(ge=0, le=2**53, description="the byte to begin with")] = 0,
    last_event_id: LastEventId = None,
) -> Response:
    """The output of a job, all its runs one after the other."""
    await _require_here(parts, number)
    if last_event_id is not None:
        offset, tail = event_number(last_event_id), None
    if tail is not None:
        path = joblogs.path_of(parts.engine.context.home, number)
        offset = await handing_in(joblogs.start_of_tail, path, tail)
    return EventStream(parts.streams, _logs(parts, number, follow=follow, offset=offset))


async def _require_here(parts: Parts, number: int) -> None:
    """Raise Elsewhere for the output of a job that another server works on, unless it is in our home too."""
    found: ManagedJob = await parts.off_loop(parts.store.jobs.get, number)
    if not found.server or found.server == parts.runtime.server_id:
        return
    if joblogs.path_of(parts.engine.context.home, number).exists():
        return
    for server in await parts.off_loop(parts.store.servers.list):
        if server.id == found.server:
            raise Elsewhere(
                f"managed job {number} is worked on by the server at {server.url}, which has its output",
                hint=f"Log in there: `styx api login {server.url}`.",
                url=server.url,
            )


async def _logs(parts: Parts, number: int, *, follow: bool, offset: int) -> AsyncGenerator[Event, None]:
    home = parts.engine.context.home
    async for piece in joblogs.read(home, parts.store, number, follow=follow, offset=offset):
        data = {"offset": offset, "data": base64.b64encode(piece).decode()}
        offset += len(piece)
        yield Event("log", data, str(offset))


@router.post("/cancel", dependencies=[IN_TURN])
async def cancel(body: ManagedIds, caller: CallerOf, parts: PartsOf, note: NoteOf, *, again: AgainOf) -> Cancelled:
    """Ask that these end: what runs is stopped, and its cluster removed."""
    note(ids=",".join(map(str, body.ids)))
    ids = await handing_in(_cancel, parts, caller, body.ids)
    if again:
        ids = await handing_in(_ended_by_hand, parts, body.ids)
    parts.runtime.nudge()
    return Cancelled(ids=ids)


def _ended_by_hand(parts: Parts, ids: Sequence[int]) -> list[int]:
    """Those that somebody has cancelled: by now they may have come to their end."""
    found = map(parts.store.jobs.get, sorted(set(ids)))
    return [job.id for job in found if job.cancelling or job.state is ManagedState.CANCELLED]


def _cancel(parts: Parts, caller: Caller, ids: Sequence[int]) -> list[int]:
    if not caller.admin:
        for number, owner in parts.store.jobs.owners(ids).items():
            if owner != caller.user:
                raise Forbidden(f"managed job {number} is {owner}'s", hint=f"{owner} can do that.")
    return parts.store.jobs.cancel(ids)


def shown(found: Sequence[ManagedJob]) -> list[ManagedJob]:
    """Jobs as they are told: without where their files are, and what is sealed, even though nobody could open it.

    Of URLs that are told of their ends they say to whom they go.
    """
    return [_shown(job) for job in found]


def _shown(job: ManagedJob) -> ManagedJob:
    task, options = told(job.task), urls.shown(job.options)
    if task is job.task and options is job.options and job.sealed is None:
        return job  # as most are, on pages of many
    return replace(job, sealed=None, task=task, options=options)


def options_of(given: JobOptionsIn) -> JobOptions:
    """The options as the jobs take them."""
    return JobOptions.from_data({key: value for key, value in given.model_dump().items() if value is not None})


def key_of(caller: Caller, key: str | None) -> str | None:
    """A key under which nobody else finds the jobs."""
    return None if key is None else f"{caller.user}/{key}"
