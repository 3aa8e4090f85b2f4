"""Who gets in: how often, with which token, and to what; and who did what, for the record."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from styx.api.errors import StyxError
from styx.client.refusals import Forbidden, TooManyRequests, Unauthenticated
from styx.server.auth.rates import Rates, neighbourhood
from styx.server.auth.tokens import Authenticator, Caller, Level
from styx.server.auth.turns import Turns
from styx.server.observe.logs import keystroke, masked
from styx.server.problems import answer, status_of
from styx.server.statuses import Sent
from styx.store.access import AuditEntry

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from styx.api.services import Clock
    from styx.server.settings import Settings
    from styx.store import Store
    from styx.threads import OffLoop

log = logging.getLogger("styx.server")

OPEN = frozenset({"/health", "/ready", "/openapi.json"})
HARMLESS = frozenset({"/v1/tasks", "/v1/tasks/explain", "/v1/dags/plan"})  # POSTs that change nothing
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_LONGEST_PATH = 4096  # longer than the URI of an object
_STORAGE = "/v1/storage/"
# What was refused, or failed, is put on record up to so many times a second, and so many at once.
REFUSALS = 0.1, 100  # of one user, or one address without a token, with the same status
OF_STRANGERS = 1.0, 1000  # of all without a token


class Access:
    """ASGI middleware. Behind it ``scope["state"]["caller"]`` is a :class:`Caller`, but for the open addresses.

    ``scope["state"]["admitted"]()`` asks for them again, for what lasts: it raises Unauthenticated and StoreError.

    It refuses by default: also what a plugin adds, and what is not there.
    """

    def __init__(self, app: ASGIApp, store: Store, off_loop: OffLoop, clock: Clock, settings: Settings) -> None:
        self._app = app
        self._store = store
        self._off_loop = off_loop
        self._clock = clock
        self._authenticator = Authenticator(store, off_loop, clock)
        self._of_address = Rates(settings.address_rate, settings.address_burst)
        self._of_user = Rates(settings.user_rate, settings.user_burst)
        self._at_once = Turns(settings.user_requests, 0)
        self._refusals = Rates(*REFUSALS, clock.monotonic)
        self._of_strangers = Rates(*OF_STRANGERS, clock.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        address = scope["client"][0] if scope["client"] else ""
        scope["state"]["what"] = {}
        sent, status = Sent(send), 500  # which the gate makes of what nobody thought of
        try:
            await self._serve(scope, receive, sent, address)
        except StyxError as error:
            status = status_of(error)
            raise
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            await self._note(scope, address, sent.status or status)

    async def _serve(self, scope: Scope, receive: Receive, sent: Sent, address: str) -> None:
        try:
            admitted = scope["state"]["admitted"] = partial(self._authenticator.caller, _authorization(scope))
            caller = scope["state"]["caller"] = await admitted()
            self._of_user.take(caller.user)
            if not _harmless(scope) and caller.level < Level.WRITE and not _gives_itself_up(scope, caller):
                raise Forbidden(f"{caller.user} may look here, and change nothing", hint=_NEEDS[Level.WRITE])
            async with self._at_once.of(caller.user):
                await self._app(scope, receive, sent)
        except (Unauthenticated, Forbidden) as error:
            if isinstance(error, Unauthenticated):  # only then: nobody keeps others out who share an address
                self._of_address.take(neighbourhood(address))
            await answer(error, scope["state"]["request"])(scope, receive, sent)

    async def _note(self, scope: Scope, address: str, status: int) -> None:
        """Put it on record, if it belongs there. What was done is not undone because that fails."""
        caller: Caller | None = scope["state"].get("caller")
        changes = caller is not None and not _harmless(scope) and not keystroke(scope)
        if not changes and status not in _REFUSED:
            return
        if status >= HTTPStatus.BAD_REQUEST and not self._has_room(caller, address, status):
            return
        entry = AuditEntry(
            id=0,
            at=self._clock.now(),
            user=caller.user if caller else "",
            token=caller.token if caller else "",
            address=address,
            method=scope["method"],
            path=masked(_target(scope))[:_LONGEST_PATH],
            status=status,
            request=scope["state"]["request"],
        )
        try:
            await self._off_loop(self._store.audit.add, entry)
        except StyxError as error:
            log.error("request %s is not on record: %s", entry.request, error.message)  # noqa: TRY400

    def _has_room(self, caller: Caller | None, address: str, status: int) -> bool:
        """Whether another of those may be on record: nobody fills it. All of them are in the log."""
        try:
            self._refusals.take(f"{status} {f'user {caller.user}' if caller else neighbourhood(address)}")
            if caller is None:
                self._of_strangers.take("")
        except TooManyRequests:
            return False
        return True


def _target(scope: Scope) -> str:
    """The path, and what the route says it was about; of what is in a store the URI, also where it was refused."""
    path: str = scope["path"]
    given = parse_qs(scope["query_string"].decode("latin-1")) if path.startswith(_STORAGE) else {}
    uri = {"uri": given["uri"][-1]} if "uri" in given else {}  # the last is the one that routes take
    what = "&".join(f"{name}={value}" for name, value in {**uri, **scope["state"]["what"]}.items())
    return f"{path}?{what}" if what else path


def _gives_itself_up(scope: Scope, caller: Caller) -> bool:
    """Whether this is a token, which may only look, that is to count no more."""
    own: bool = scope["method"] == "DELETE" and scope["path"] == f"/v1/tokens/{caller.token}"
    return own


def _harmless(scope: Scope) -> bool:
    return scope["method"] in _SAFE or (scope["method"] == "POST" and scope["path"] in HARMLESS)


def _authorization(scope: Scope) -> str:
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    return found[0].decode("latin-1") if len(found) == 1 else ""


_NEEDS = {
    Level.WRITE: "It takes the role member, and a token with the scope write.",
    Level.ADMIN: "It takes the role admin, and a token with the scope admin.",
}


def caller_of(request: Request) -> Caller:
    """Who asks."""
    caller: Caller = request.state.caller
    return caller


def member_of(request: Request) -> Caller:
    """Who asks, who may do more than look. Raises Forbidden."""
    caller = caller_of(request)
    if caller.level < Level.WRITE:
        raise Forbidden(f"{caller.user} may not do that", hint=_NEEDS[Level.WRITE])
    return caller


def admin_of(request: Request) -> Caller:
    """Who asks, who may do everything. Raises Forbidden."""
    caller = caller_of(request)
    if not caller.admin:
        raise Forbidden(f"{caller.user} may not do that", hint=_NEEDS[Level.ADMIN])
    return caller


CallerOf = Annotated[Caller, Depends(caller_of)]
MemberOf = Annotated[Caller, Depends(member_of)]
AdminOf = Annotated[Caller, Depends(admin_of)]


def _notes(request: Request) -> Callable[..., None]:
    what: dict[str, object] = request.state.what
    return what.update


NoteOf = Annotated[Callable[..., None], Depends(_notes)]  # by name, what the audit log says beside the path


def _number(request: Request) -> str:
    return getattr(request.state, "number", "")


def _again(request: Request) -> bool:
    return getattr(request.state, "again", False)


NumberOf = Annotated[str, Depends(_number)]  # which comes of the Idempotency-Key; empty without one
AgainOf = Annotated[bool, Depends(_again)]  # whether a try under the same key may have done it, without an answer


def _turns(request: Request) -> Turns:
    return request.app.state.turns  # type: ignore[no-any-return]


TurnsOf = Annotated[Turns, Depends(_turns)]


async def _turn(turns: TurnsOf, caller: CallerOf) -> AsyncIterator[None]:
    async with turns.of(caller.user):
        yield


async def _transfer(request: Request, caller: CallerOf) -> AsyncIterator[None]:
    transfers: Turns = request.app.state.transfers
    async with transfers.of(caller.user):
        yield


IN_TURN = Depends(_turn, scope="function")  # over once there is an answer, whoever takes how long to read it
TRANSFER = Depends(_transfer, scope="request")  # over once all of it was sent: until then it takes room on the disk


def require_own(caller: Caller, owner: str, what: str) -> None:
    """Raise Forbidden unless it is the caller's own, or the caller may do everything."""
    if not caller.admin and owner != caller.user:
        raise Forbidden(f"{what} is {owner or 'nobody'}'s", hint=f"{owner or 'An administrator'} can do that.")
