"""Users, their tokens, what they did, and the servers they do it with."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Path, Query, Response

from styx import __version__
from styx.client.refusals import Clash, Forbidden
from styx.server.auth.access import AdminOf, AgainOf, CallerOf, NoteOf, NumberOf
from styx.server.auth.tokens import SCOPES, level, mint, scoped
from styx.server.http.responses import After, Limit, decode, number, page, whole
from styx.server.http.routing import routes
from styx.server.models import Me, NewToken, Page, TokenIn, TokenOut, UserChange, UserIn
from styx.server.observe.logs import masked
from styx.server.parts import PartsOf
from styx.store.access import AuditEntry, Role, Token, TokenNotFound, User, UserNotFound
from styx.store.managed import ServerRecord

router = routes("people", "/v1")

UserName = Annotated[str, Path(max_length=200, examples=["ann"])]
Alone = Annotated[bool, Query(description="only this one, and leave those that were made by it")]
TokenId = Annotated[str, Path(max_length=200, examples=["0a1b2c3d4e5f"])]


@router.get("/me")
async def me(caller: CallerOf, parts: PartsOf) -> Me:
    """Who the caller is, and of which server."""
    return Me(
        user=caller.user,
        role=caller.role,
        level=caller.level.name.lower(),  # type: ignore[arg-type]
        token=caller.token,
        version=__version__,
        installation=parts.store.installation,
    )


@router.get("/users")
async def users(parts: PartsOf, _admin: AdminOf, after: After = None, limit: Limit = 1000) -> Page[User]:
    """Users, by name."""
    found = await parts.off_loop(parts.store.users.list, after=decode(after) or "", limit=limit + 1)
    return page(found, limit, lambda last: last.name)  # type: ignore[return-value]


@router.post("/users", status_code=201)
async def add_user(body: UserIn, parts: PartsOf, note: NoteOf, _admin: AdminOf, *, again: AgainOf) -> User:
    """Add a user."""
    note(user=body.name, role=body.role.value)
    found = await parts.off_loop(parts.store.users.get, body.name) if again else None
    if found is not None and found.role is body.role:
        return found
    return await parts.off_loop(parts.store.users.add, User(body.name, body.role, parts.engine.context.clock.now()))


@router.patch("/users/{name}")
async def change_user(name: UserName, body: UserChange, parts: PartsOf, note: NoteOf, admin: AdminOf) -> User:
    """Give a user another role, or refuse their tokens. Nobody does that to themselves."""
    if name == admin.user:
        raise Clash("that is yourself", hint="Another administrator can do that, or `styx-server user set`.")
    changes = {key: value for key, value in body.model_dump().items() if value is not None}
    note(**body.model_dump(mode="json", exclude_none=True))
    return await parts.off_loop(parts.store.users.update, name, **changes)


@router.delete("/users/{name}", status_code=204, response_class=Response)
async def remove_user(name: UserName, parts: PartsOf, admin: AdminOf) -> None:
    """Remove a user with all tokens, and those that were made by them. Clusters and jobs stay."""
    if name == admin.user:
        raise Clash("that is yourself", hint="Another administrator can do that, or `styx-server user remove`.")
    await parts.off_loop(parts.store.users.remove, name)


@router.get("/tokens")
async def tokens(
    caller: CallerOf,
    parts: PartsOf,
    user: Annotated[str | None, Query(max_length=200)] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Page[TokenOut]:
    """Tokens without their secrets, oldest first: one's own; an administrator's view is of all, or of one user's."""
    whose = user if caller.admin else caller.user
    if user is not None and user != whose:
        raise Forbidden(f"the tokens of {user!r} are not yours")
    found = await parts.off_loop(parts.store.tokens.list, whose, after=decode(after), limit=limit + 1)
    return page([_shown(each) for each in found], limit, lambda last: last.id)  # type: ignore[return-value]


@router.post("/tokens", status_code=201)
async def add_token(
    body: TokenIn, caller: CallerOf, parts: PartsOf, note: NoteOf, number: NumberOf, *, again: AgainOf
) -> NewToken:
    """Make a token, which is shown this once. It may do no more than the one that asks for it, and goes with that."""
    owner = await parts.off_loop(parts.store.users.get, body.user or caller.user)
    maker = await parts.off_loop(parts.store.tokens.get, caller.token)
    if not caller.admin and body.user not in {None, caller.user}:
        raise Forbidden(f"only {body.user!r} or an administrator makes tokens of {body.user!r}")
    if owner is None or maker is None:  # tokens go with their user
        raise UserNotFound(f"there is no user {body.user!r}", hint="`styx api user list` lists them.")
    scopes = tuple(body.scopes) or _all_of(owner.role)
    if level(owner.role, scopes) > caller.level or scoped(scopes) > scoped(maker.scopes):
        raise Forbidden("a token cannot make one that may do more", hint="Ask for fewer scopes.")
    now = parts.engine.context.clock.now()
    ends = [timedelta(seconds=body.lifetime)] if body.lifetime is not None else []
    ends += [maker.expires_at - now] if maker.expires_at is not None else []
    lifetime = min(ends, default=None)
    text, made = mint(owner.name, body.name, now, scopes=scopes, lifetime=lifetime, maker=caller.token, number=number)
    note(user=owner.name, token=made.id, scopes=",".join(made.scopes))
    await parts.off_loop(parts.store.tokens.add, made, again=again)
    return NewToken(**_shown(made).model_dump(), token=text)


def _all_of(role: Role) -> tuple[str, ...]:
    return tuple(name for name, each in SCOPES.items() if each <= level(role, ()))


@router.delete("/tokens/{number}", status_code=204, response_class=Response)
async def revoke(number: TokenId, caller: CallerOf, parts: PartsOf, *, alone: Alone = False) -> None:
    """Let a token count no more, from now on, at every server, nor any that was made by it. Idempotent.

    None that may do more than the one that asks, unless it is that one itself.
    """
    found = await parts.off_loop(parts.store.tokens.get, number)
    if found is None or (not caller.admin and found.user != caller.user):
        raise TokenNotFound(f"there is no token {masked(number)!r}", hint="`styx api token list` lists them.")
    own = await parts.off_loop(parts.store.tokens.get, caller.token)
    if number != caller.token and (own is None or scoped(found.scopes) > scoped(own.scopes)):
        raise Forbidden("a token cannot revoke one that may do more", hint="Use that one itself, or one like it.")
    await parts.off_loop(parts.store.tokens.revoke, number, alone=alone)


@router.get("/audit")
async def audit(
    parts: PartsOf,
    _admin: AdminOf,
    user: Annotated[str | None, Query(max_length=200)] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[AuditEntry]:
    """Requests that changed something or were refused, newest first."""
    found = await parts.off_loop(parts.store.audit.page, user=user, after=number(after), limit=limit + 1)
    return page(found, limit, lambda last: last.id)  # type: ignore[return-value]


@router.get("/servers")
async def servers(parts: PartsOf) -> Page[ServerRecord]:
    """The servers that share this one's database, oldest first."""
    return whole(await parts.off_loop(parts.store.servers.list))  # type: ignore[return-value]


def _shown(token: Token) -> TokenOut:
    return TokenOut(
        id=token.id,
        user=token.user,
        name=token.name,
        scopes=list(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        used_at=token.used_at,
        maker=token.maker,
    )
