"""Tokens of users, without their secrets. Whether a secret is the right one is for the server to say."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from styx.api.errors import StoreError
from styx.store import schema
from styx.store.access import Token, TokenNotFound, User, UserNotFound
from styx.store.database import Database
from styx.store.rows import all_columns, columns, token_record, user_record

_NOTED = timedelta(minutes=1)  # how exactly it is known when a token was last used: each note is a write

_T, _U = schema.tokens, schema.users
_GET = select(_T).where(_T.c.id == bindparam("which"))
_USER = select(_U).where(_U.c.name == bindparam("who"))
_ALL = select(_T).order_by(_T.c.created_at, _T.c.id)
_OF = _ALL.where(_T.c.user == bindparam("who"))
_INSERT = insert(_T)
_UPDATE = update(_T).where(_T.c.id == bindparam("which"))
_REVOKE = _UPDATE.where(_T.c.revoked_at.is_(None))


class Tokens:
    """Tokens by id. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: Token) -> Token:
        """Put a token on record. Raises UserNotFound."""
        try:
            with self._database.write() as connection:
                connection.execute(_INSERT, all_columns(token))
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise UserNotFound(f"no user named {token.user!r}") from error
            raise
        return token

    def get(self, number: str) -> tuple[Token, User] | None:
        """The token with its user, or None. Both may not count any more: see their fields."""
        with self._database.read() as connection:
            row = connection.execute(_GET, {"which": number}).first()
            if row is None:
                return None
            user = connection.execute(_USER, {"who": row.user}).first()
        return None if user is None else (token_record(row), user_record(user))

    def list(self, user: str | None = None) -> list[Token]:
        """All tokens, or those of one user, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_ALL) if user is None else connection.execute(_OF, {"who": user})
            return [token_record(row) for row in rows]

    def revoke(self, number: str) -> Token:
        """Let a token count no more. Idempotent. Raises TokenNotFound."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            connection.execute(_REVOKE, {"which": number, **columns({"revoked_at": now})})
            row = connection.execute(_GET, {"which": number}).first()
        if row is None:
            raise TokenNotFound(f"no token {number!r}")
        return token_record(row)

    def used(self, token: Token) -> None:
        """Note that a token was used just now, if the last note is more than a minute old."""
        now = self._database.now()
        if token.used_at is None or now - token.used_at > _NOTED:
            with self._database.write() as connection:
                connection.execute(_UPDATE, {"which": token.id, **columns({"used_at": now})})
