"""Tokens: made, shown once, and recognised.

A token is ``styx_ID_SECRET``. The id finds the row, the secret is 256 random bits, and of these only the SHA-256 is
kept: what is as long and as random as that cannot be guessed from its digest, and needs no slow hash.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING

from styx.api.errors import BadInput
from styx.client.refusals import Unauthenticated
from styx.store.access import Role, Token

if TYPE_CHECKING:
    from styx.api.services import Clock
    from styx.store import Store
    from styx.threads import OffLoop

_PREFIX = "styx"
_ID = 12  # digits
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOBODYS = sha256(b"nobody").hexdigest()
_NOTED = timedelta(minutes=1)  # how often it is worth a look whether its use has to be noted
_HINT = "`styx api login URL` asks for a token; an administrator makes one with `styx-server token create`."


class Level(IntEnum):
    """What may be done, each including those before."""

    READ = 0
    WRITE = 1
    ADMIN = 2


_OF_ROLE = {Role.VIEWER: Level.READ, Role.MEMBER: Level.WRITE, Role.ADMIN: Level.ADMIN}
SCOPES = {"read": Level.READ, "write": Level.WRITE, "admin": Level.ADMIN}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a user, by one of their tokens. ``level`` is what role and scopes allow together."""

    user: str
    role: Role
    token: str
    level: Level

    @property
    def admin(self) -> bool:
        """Whether everything may be done."""
        return self.level is Level.ADMIN


def mint(
    user: str,
    name: str,
    now: datetime,
    *,
    scopes: tuple[str, ...] = (),
    lifetime: timedelta | None = None,
    maker: str | None = None,
    number: str = "",
) -> tuple[str, Token]:
    """A new token: its text, to be shown once, and what is kept of it. ``maker`` is the token that asks for it.

    Its id begins as ``number`` does, if one is given: what is asked for twice is then one token.
    """
    number, secret = number[:_ID] or secrets.token_hex(_ID // 2), secrets.token_urlsafe(32)
    expires = None if lifetime is None else now + lifetime
    kept = Token(number, user, name, _digest(secret), tuple(sorted(scopes)), now, expires, maker=maker)
    return f"{_PREFIX}_{number}_{secret}", kept


def check_user(name: str) -> str:
    """The name, if a user may have it. Raises BadInput."""
    if not _USER.fullmatch(name):
        raise BadInput(
            f"{name!r} is not a user's name",
            hint="Use letters, digits, '.', '_' and '-': start with a letter or digit, at most 64.",
        )
    return name


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


class Authenticator:
    """Recognises tokens. Each is looked up every time: one that was revoked is refused at once, on every server."""

    def __init__(self, store: Store, off_loop: OffLoop, clock: Clock) -> None:
        self._store = store
        self._off_loop = off_loop
        self._clock = clock

    async def caller(self, authorization: str) -> Caller:
        """Who sends this header. Raises Unauthenticated, StoreError.

        Who does not know the secret learns nothing of it, nor is told whether the id is one.
        """
        number, secret = _parts(authorization)
        found = await self._off_loop(self._store.tokens.owned, number)
        right = compare_digest(_digest(secret), _NOBODYS if found is None else found[0].digest)
        if found is None or not right:
            raise Unauthenticated("this token is not known", hint=_HINT)
        (token, user), now = found, self._clock.now()
        if token.revoked_at is not None:
            raise Unauthenticated("this token was revoked", hint=_HINT)
        if token.expires_at is not None and token.expires_at <= now:
            raise Unauthenticated(f"this token expired at {token.expires_at:%Y-%m-%d %H:%M} UTC", hint=_HINT)
        if user.disabled:
            raise Unauthenticated(f"the user {token.user!r} may not use this server", hint="Ask an administrator.")
        if token.used_at is None or now - token.used_at > _NOTED:
            await self._off_loop(self._store.tokens.used, number)
        return Caller(user.name, user.role, token.id, level(user.role, token.scopes))


def level(role: Role, scopes: tuple[str, ...]) -> Level:
    """What both allow."""
    return min(_OF_ROLE[role], scoped(scopes))


def scoped(scopes: tuple[str, ...]) -> Level:
    """What scopes allow, whatever the role is or becomes; none of them is no limit."""
    if not scopes:
        return Level.ADMIN
    return max((SCOPES[scope] for scope in scopes if scope in SCOPES), default=Level.READ)


def _parts(authorization: str) -> tuple[str, str]:
    scheme, _, token = authorization.partition(" ")
    prefix, _, rest = token.strip().partition("_")
    number, _, secret = rest.partition("_")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("there is no token in this request", hint=_HINT)
    if prefix != _PREFIX or not number or not secret or not token.isascii():
        raise Unauthenticated("what came as the token is none: they are of the form styx_ID_SECRET", hint=_HINT)
    return number, secret
