"""What takes a while: looked at, watched and cancelled."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Path, Query, Response

from styx.api.errors import from_wire
from styx.server.auth.access import CallerOf, require_own
from styx.server.http.responses import After, LastEventId, Limit, decode, event_number, page, stream
from styx.server.http.routing import routes
from styx.server.http.sse import Event, EventStream
from styx.server.models import Page, RequestOut
from styx.server.parts import Parts, PartsOf
from styx.server.problems import problem_of
from styx.server.work.progress import Said
from styx.store.access import RequestRecord

router = routes("requests", "/v1/requests")

RequestId = Annotated[str, Path(pattern=r"^[0-9a-f]{1,64}$", examples=["5d0c8f3e2a1b4c6d"])]


@router.get("")
async def requests(
    parts: PartsOf,
    user: Annotated[str | None, Query(max_length=100)] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[RequestOut]:
    """Requests, of one user or of all, newest first."""
    found = await parts.off_loop(parts.store.requests.page, user=user, after=decode(after), limit=limit + 1)
    return page([RequestOut.of(each) for each in found], limit, lambda last: last.id)  # type: ignore[return-value]


@router.get("/{number}")
async def request(number: RequestId, parts: PartsOf) -> RequestOut:
    """One request."""
    return RequestOut.of(await parts.off_loop(parts.store.requests.get, number))


@router.get(
    "/{number}/events",
    response_class=Response,
    responses=stream(
        "`progress` {phase, sentence} and, of a Dag, `report` {task, kind, text}, as they come; then `result` with the "
        "result, or `problem`. A stream that ends with neither was cut: resume it with Last-Event-ID."
    ),
)
async def events(number: RequestId, parts: PartsOf, last_event_id: LastEventId = None) -> Response:
    """What a request says, until it has ended. Who goes away does not end it."""
    after = event_number(last_event_id or "0")
    await parts.off_loop(parts.store.requests.has_ended, number)  # is there one?
    return EventStream(parts.streams, _events(parts, number, after))


async def _events(parts: Parts, number: str, after: int) -> AsyncGenerator[Event, None]:
    async for each in parts.requests.watch(number, after):
        if isinstance(each, Said):
            yield Event(each.kind, each.data, str(each.number))
        elif each.error is not None:
            yield Event("problem", problem_of(from_wire(each.error), number).model_dump(exclude_none=True))
        else:
            yield Event("result", {"state": each.state, "result": each.result})


@router.post("/{number}/cancel")
async def cancel(number: RequestId, caller: CallerOf, parts: PartsOf) -> RequestOut:
    """End a request, as Ctrl-C ends a command: what it has made so far is removed. Idempotent."""
    record: RequestRecord = await parts.off_loop(parts.store.requests.get, number)
    require_own(caller, record.user, f"request {number}")
    return RequestOut.of(await parts.requests.cancel(number))
