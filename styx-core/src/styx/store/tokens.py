"""Tokens of users, without their secrets. Whether a secret is the right one is for the server to say.

One that was made by another belongs to it. Whoever had a token that is revoked may have made others with it, and is not
to keep them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from styx.api.errors import Conflict, StoreError
from styx.store import schema
from styx.store.access import Role, Token, TokenNotFound, User, UserNotFound
from styx.store.database import Database
from styx.store.rows import all_columns, columns, plain, read_time, token_record, write_time

_T, _U = schema.tokens, schema.users
_GET = select(_T).where(_T.c.id == bindparam("which"))
_OWNED = (
    select(_T, _U.c.role, _U.c.disabled, _U.c.created_at.label("since")).join(_U).where(_T.c.id == bindparam("which"))
)
_ALL = select(_T).order_by(_T.c.created_at, _T.c.id)
_INSERT = insert(_T)
_UPDATE = update(_T).where(_T.c.id == bindparam("which"))
_DELETE = delete(_T).where(_T.c.id == bindparam("which"))
_REVOKE = _UPDATE.where(_T.c.revoked_at.is_(None))
_MADE = select(_T.c.id).where(_T.c.maker.in_(bindparam("makers", expanding=True)))
_REVOKE_MANY = update(_T).where(_T.c.id.in_(bindparam("which", expanding=True)), _T.c.revoked_at.is_(None))
_COUNT = (
    select(func.count())
    .select_from(_T)
    .where(
        _T.c.user == bindparam("who"),
        _T.c.revoked_at.is_(None),
        or_(_T.c.expires_at.is_(None), _T.c.expires_at > bindparam("now")),
    )
)
MOST = 1000  # that count, of one user
ALONE = "tokens"  # who changes which of them count, on PostgreSQL


class Tokens:
    """Tokens by id. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: Token, *, again: bool = False) -> Token:
        """Put a token on record. Raises UserNotFound, and Conflict where its id is on record.

        But ``again`` one that nobody was told of takes the place of the one that has its id, if nobody has used that.
        One that was made by another: TokenNotFound where that counts no more, Conflict where its user has very many.
        """
        try:
            with self._database.write() as connection:
                _make_room(connection, token, again=again)
                if token.maker is not None:
                    self._database.alone(connection, ALONE)
                    maker = connection.execute(_GET, {"which": plain(token.maker)}).first()
                    if maker is None or maker.revoked_at is not None:
                        raise TokenNotFound(f"the token {token.maker!r} counts no more")
                    given = {"who": token.user, "now": write_time(self._database.now(connection))}
                    if connection.execute(_COUNT, given).scalar_one() >= MOST:
                        raise Conflict(f"{token.user!r} has {MOST} tokens", hint="Revoke those that nobody needs.")
                connection.execute(_INSERT, all_columns(token))
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise UserNotFound(f"no user named {token.user!r}") from error
            raise
        return token

    def get(self, number: str) -> Token | None:
        """The token, or None. It may count no more: see when it expires and was revoked."""
        with self._database.read() as connection:
            row = connection.execute(_GET, {"which": plain(number)}).first()
        return None if row is None else token_record(row)

    def owned(self, number: str) -> tuple[Token, User] | None:
        """The token and whose it is, in one look: it is made for every request to a server."""
        with self._database.read() as connection:
            row = connection.execute(_OWNED, {"which": plain(number)}).first()
        if row is None:
            return None
        return token_record(row), User(row.user, Role(row.role), read_time(row.since), row.disabled)

    def list(self, user: str | None = None, *, after: str | None = None, limit: int | None = None) -> list[Token]:
        """All tokens, or those of one user, oldest first; ``after`` is the id of the last one of the page before."""
        query = _ALL.limit(limit)
        if user is not None:
            query = query.where(_T.c.user == plain(user))
        with self._database.read() as connection:
            if after is not None:
                place = connection.execute(_GET, {"which": plain(after)}).first()
                if place is None:
                    return []
                query = query.where(tuple_(_T.c.created_at, _T.c.id) > tuple_(place.created_at, place.id))
            return [token_record(row) for row in connection.execute(query)]

    def revoke(self, number: str, *, alone: bool = False) -> Token:
        """Let a token count no more, nor any that was made by it; or it ``alone``. Idempotent. Raises TokenNotFound."""
        with self._database.write() as connection:
            self._database.alone(connection, ALONE)
            now = self._database.now(connection)
            if not alone:
                revoke_made_by(connection, [plain(number)], now)
            connection.execute(_REVOKE, {"which": plain(number), **columns({"revoked_at": now})})
            row = connection.execute(_GET, {"which": plain(number)}).first()
        if row is None:
            raise TokenNotFound(f"no token {number!r}")
        return token_record(row)

    def used(self, number: str) -> None:
        """Note that a token was used just now. A write: not to be made at every request. Nobody waits for the disk."""
        with self._database.write(lazily=True) as connection:
            now = self._database.now(connection)
            connection.execute(_UPDATE, {"which": plain(number), **columns({"used_at": now})})


def _make_room(connection: Connection, token: Token, *, again: bool) -> None:
    row = connection.execute(_GET, {"which": plain(token.id)}).first()
    if row is None:
        return
    present = token_record(row)
    untold = again and present.used_at is None and (present.user, present.maker) == (token.user, token.maker)
    if not untold:
        raise Conflict(f"there is a token {token.id!r} already", hint="Ask with a new Idempotency-Key for another.")
    connection.execute(_DELETE, {"which": plain(token.id)})


def revoke_made_by(connection: Connection, makers: Sequence[str], now: datetime) -> None:
    """Let none count that was made by these tokens, nor by those, whether they count or not."""
    while makers:
        makers = list(connection.scalars(_MADE, {"makers": makers}))
        connection.execute(_REVOKE_MANY, {"which": makers, **columns({"revoked_at": now})})
