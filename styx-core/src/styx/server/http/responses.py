"""What routes have in common: pages, the description of what goes wrong, and of streams."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Header, Path, Query

from styx.api.errors import BadInput
from styx.server.http.sse import MEDIA_TYPE as EVENTS
from styx.server.problems import MEDIA_TYPE as PROBLEM

T = TypeVar("T")

_DIGITS = 18  # of a number that a database takes
NAME = r"^[A-Za-z][A-Za-z0-9._-]{0,62}$"
ClusterName = Annotated[str, Path(pattern=NAME, description="the cluster", examples=["dev"])]
IdempotencyKey = Annotated[str | None, Header(include_in_schema=False)]  # which the description says of all
LastEventId = Annotated[str | None, Header(max_length=10_000, description="goes on after the event of this id")]
Limit = Annotated[int, Query(ge=1, le=1000, description="how many at most")]
After = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]
Wait = Annotated[float, Query(ge=0, le=60, description="seconds to wait for it to end, before it is told as it is")]

_PROBLEM = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_TEXT = {"type": "string"}
_EVENT = {
    "type": "object",
    "description": "one event; its data is JSON",
    "properties": {"event": _TEXT, "data": _TEXT, "id": _TEXT},
    "required": ["event", "data"],
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "It is not done: the problem says why, and what to do.", "content": _PROBLEM},
    "5XX": {"description": "It could not be done now.", "content": _PROBLEM},
}


def stream(description: str) -> dict[int | str, dict[str, Any]]:
    """The description of an answer that is a stream of events."""
    return {200: {"description": description, "content": {EVENTS: {"schema": _EVENT}}}}


def page(found: Sequence[T], limit: int, cursor: Any) -> dict[str, Any]:
    """A page of at most ``limit``, of which one more was looked for. ``cursor`` makes a text of the last on it."""
    items = found[:limit]
    return {"items": items, "next": encode(str(cursor(items[-1]))) if len(found) > limit else None}


def last_page(found: Sequence[Any], limit: int) -> dict[str, Any]:
    """A page of at most ``limit``, oldest first, of which one more was looked for: what came before them is `next`."""
    items = found[-limit:]
    return {"items": items, "next": encode(str(items[0].id)) if len(found) > limit else None}


def whole(found: Sequence[T]) -> dict[str, Any]:
    """All there is, as one page."""
    return {"items": found, "next": None}


def encode(cursor: str) -> str:
    """A cursor as clients see it, who are not to make up their own."""
    return base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def decode(given: str | None) -> str | None:
    """A cursor as it was. Raises BadInput."""
    if given is None:
        return None
    try:
        return base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadInput("after: no page has ended with that") from None


def event_number(given: str) -> int:
    """The number that the id of an event is. Raises BadInput."""
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
        raise BadInput("Last-Event-ID is none of this stream's")
    return int(given)


def number(given: str | None) -> int | None:
    """A cursor that is a number. Raises BadInput."""
    found = decode(given)
    if found is not None and not (found.isascii() and found.isdigit() and len(found) <= _DIGITS):
        raise BadInput("after: no page has ended with that")
    return None if found is None else int(found)
