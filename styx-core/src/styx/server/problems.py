"""Every error as an answer: ``application/problem+json`` (RFC 9457), from which a client makes the same error again."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.routing import Match

from styx.api import errors
from styx.api.errors import StyxError
from styx.client import refusals
from styx.client.refusals import Refusal
from styx.sealing import SealingError
from styx.store.access import NotOwned, RequestNotFound, TokenNotFound, UserNotFound
from styx.store.managed import Superseded

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.requests import Request

MEDIA_TYPE = "application/problem+json"
_SHOWN = 20  # places of a body that an answer names

# By class; the nearest base that is listed counts.
_STATUS: dict[type[StyxError], int] = {
    StyxError: 409,  # a refusal in words: what nobody thought of is none of ours
    errors.BadInput: 400,
    errors.ClusterNotFound: 404,
    errors.JobNotFound: 404,
    errors.ClusterBusy: 409,
    errors.ClusterNotUp: 409,
    errors.NoOffer: 409,
    errors.PluginError: 424,
    errors.StoreError: 503,
    errors.CatalogError: 503,
    errors.TransportError: 502,
    errors.BackendError: 502,
    errors.ProviderError: 424,
    errors.InsufficientCapacity: 409,
    errors.QuotaExceeded: 409,
    errors.OfferGone: 409,
    errors.RateLimited: 429,
    errors.InvalidRequest: 400,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unsupported: 400,
    errors.Transient: 502,
    errors.OutcomeUnknown: 502,
    NotOwned: 403,
    RequestNotFound: 404,
    TokenNotFound: 404,
    UserNotFound: 404,
    Superseded: 409,
    SealingError: 500,
}
_RETRY = {429: 1, 503: 2}  # seconds, where nobody knows better


class Problem(BaseModel):
    """Why something was not done. ``code`` is for programs; ``details`` are the fields of errors of this code."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:styx:error:cluster_not_found",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "there is no cluster 'dev'",
                    "hint": "`styx status` lists the clusters.",
                    "code": "cluster_not_found",
                    "details": {"cluster": "dev"},
                    "request": "9f0c1d2e3a4b5c6d",
                }
            ]
        }
    )

    type: str = Field(description="urn:styx:error: and the code")
    title: str = Field(description="the phrase of the HTTP status")
    status: int
    detail: str = Field(description="what happened, to what")
    hint: str | None = Field(default=None, description="what to do next")
    code: str
    details: dict[str, Any] = Field(default_factory=dict)
    request: str = Field(default="", description="the id of this request, which is in the server's log too")


def status_of(error: StyxError) -> int:
    """The HTTP status for an error."""
    if isinstance(error, Refusal):
        return error.status
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def problem_of(error: StyxError, request: str, status: int | None = None) -> Problem:
    """What an answer says of an error."""
    status = status or status_of(error)
    return Problem(
        type=f"urn:styx:error:{error.code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=error.message,
        hint=error.hint,
        code=error.code,
        details=dict(error.details),
        request=request,
    )


def answer(error: StyxError, request: str, status: int | None = None) -> Response:
    """The answer. One that asks for patience says how much; one to an unfinished body ends the connection."""
    found = problem_of(error, request, status)
    headers: dict[str, str] = {}
    if found.status in _RETRY:
        given = error.details.get("retry_after")
        headers["retry-after"] = str(max(1, round(given)) if isinstance(given, int | float) else _RETRY[found.status])
    if found.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="styx"'
    if found.status in {408, 413, 431}:
        headers["connection"] = "close"
    return Response(found.model_dump_json(exclude_none=True), found.status, headers, MEDIA_TYPE)


def unexpected(request: str) -> Response:
    """The answer to what nobody thought of: it says where to look, and nothing of what is there."""
    error = StyxError("the server failed", hint=f"Its log says why, under request {request}.")
    return answer(error, request, HTTPStatus.INTERNAL_SERVER_ERROR)


def request_id(scope: Mapping[str, Any]) -> str:
    """The id of the request."""
    return str(scope.get("state", {}).get("request", ""))


def install(app: FastAPI) -> None:
    """Let every error of a route become such an answer."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    app.add_exception_handler(StyxError, _styx_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)


async def _styx_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StyxError)
    return answer(error, request_id(request.scope))


async def _invalid(request: Request, error: Exception) -> Response:
    """Where the body or a parameter is wrong. What was given is not repeated: it may be a secret."""
    found: RequestValidationError = error  # type: ignore[assignment]
    places = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found.errors()[:_SHOWN]]
    return answer(
        refusals.InvalidBody("; ".join(places[:3]), errors=places, hint="GET /openapi.json describes what is taken."),
        request_id(request.scope),
    )


_OF_STATUS: dict[int, tuple[type[StyxError], str]] = {
    401: (refusals.Unauthenticated, "the token was revoked, or came to allow something else, before the body was here"),
    404: (refusals.NoSuchThing, "there is nothing at this address"),
    405: (refusals.WrongMethod, "this address does not know that method"),
    408: (refusals.TooSlow, "the body did not come in time"),
    413: (refusals.TooLarge, "the body is too large"),
    429: (refusals.TooManyRequests, "too much was sent at once"),
    431: (refusals.TooLarge, "the header of the request is too large"),
    503: (refusals.Unavailable, "it cannot be looked up who asks"),
}


async def _http_error(request: Request, error: Exception) -> Response:
    found: HTTPException = error  # type: ignore[assignment]
    made = http_answer(found, request_id(request.scope))
    if found.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # the framework names those of one of its routes
        made.headers["allow"] = ", ".join(sorted(_methods(request)))
    return made


def _methods(request: Request) -> set[str]:
    """What the address knows."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return found


def http_answer(error: HTTPException, request: str) -> Response:
    """The answer to what the framework refuses by itself, or what had to be raised through it."""
    kind, message = _OF_STATUS.get(error.status_code, (refusals.InvalidBody, str(error.detail)))
    made = answer(kind(message), request, error.status_code)
    for name, value in (error.headers or {}).items():
        made.headers[name] = value
    return made
