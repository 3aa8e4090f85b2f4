"""The jobs of a cluster, as its own nodes tell them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Path, Query, Response

from styx.api.backend import JobInfo
from styx.client.wire import dump
from styx.server.auth.access import CallerOf
from styx.server.http.responses import ClusterName, LastEventId, Wait, event_number, stream, whole
from styx.server.http.routing import routes
from styx.server.http.sse import Event, EventStream
from styx.server.models import Cancelled, JobIds, Page
from styx.server.parts import Parts, PartsOf
from styx.server.routers.clusters import own

router = routes("cluster jobs", "/v1/clusters/{name}/jobs")

JobNumber = Annotated[int, Path(ge=0, le=2**31 - 1, description="0 is the newest", examples=[1])]
Rank = Annotated[int | None, Query(ge=0, le=100_000, description="of this node alone")]
Tail = Annotated[int | None, Query(ge=0, le=10**9, description="begin with the last so many lines")]
Follow = Annotated[bool, Query(description="until the job has ended")]
_PAIRS = r"^[0-9:,]*$"
Offsets = Annotated[
    str | None, Query(pattern=_PAIRS, max_length=10_000, description="RANK:BYTE,...: where to begin", examples=["0:0"])
]


@router.get("")
async def queue(name: ClusterName, parts: PartsOf) -> Page[JobInfo]:
    """All jobs, newest first."""
    return whole(await parts.engine.queue(name))  # type: ignore[return-value]


@router.get("/{number:int}")
async def job(name: ClusterName, number: JobNumber, parts: PartsOf, wait: Wait = 0) -> JobInfo:
    """One job."""
    found = await parts.engine.job(name, number or None)
    if wait and not found.state.ended:
        try:
            async with asyncio.timeout(wait):
                return await parts.engine.wait(name, found.id)
        except TimeoutError:
            return await parts.engine.job(name, found.id)
    return found


@router.get(
    "/{number:int}/logs",
    response_class=Response,
    responses=stream(
        "`log` {rank, offset, data}, where data is base64; then `end`, or `problem`. A stream that ends with neither "
        "was cut: resume it with Last-Event-ID."
    ),
)
async def logs(
    name: ClusterName,
    number: JobNumber,
    parts: PartsOf,
    *,
    follow: Follow = True,
    tail: Tail = None,
    rank: Rank = None,
    offsets: Offsets = None,
    last_event_id: LastEventId = None,
) -> Response:
    """The output of a job."""
    begin = _offsets(last_event_id or offsets)
    found = await parts.engine.job(name, number or None)
    events = _logs(parts, name, found.id, follow=follow, tail=None if begin else tail, rank=rank, begin=begin)
    return EventStream(parts.streams, events)


async def _logs(
    parts: Parts, name: str, number: int, *, follow: bool, tail: int | None, rank: int | None, begin: dict[int, int]
) -> AsyncGenerator[Event, None]:
    reached = dict(begin)
    async for chunk in parts.engine.logs(name, number, follow=follow, tail=tail, rank=rank, offsets=begin or None):
        reached[chunk.rank] = chunk.offset + len(chunk.data)
        yield Event("log", dump(chunk), ",".join(f"{rank}:{at}" for rank, at in reached.items()))


def _offsets(text: str | None) -> dict[int, int]:
    """Where to begin, by rank; nothing is at the beginning. Raises BadInput."""
    pairs = [pair.partition(":") for pair in text.split(",")] if text else []
    return {event_number(rank): event_number(offset) for rank, _, offset in pairs}


@router.post("/cancel")
async def cancel(name: ClusterName, body: JobIds, caller: CallerOf, parts: PartsOf) -> Cancelled:
    """End these jobs, or all."""
    found = await own(parts, caller, name)
    engine = parts.engine.for_user(caller.user, owners=[found.user])
    return Cancelled(ids=await engine.cancel(name, body.ids))
