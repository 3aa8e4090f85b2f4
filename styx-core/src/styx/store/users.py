"""Who may use the servers of this store. Of those who may do everything there is always one left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from styx.api.errors import Conflict, StoreError
from styx.store import schema
from styx.store.access import Role, User, UserNotFound
from styx.store.database import Database
from styx.store.rows import all_columns, columns, plain, user_record
from styx.store.tokens import ALONE as TOKENS_ALONE
from styx.store.tokens import revoke_made_by

_T = schema.users
_ALL = select(_T).order_by(_T.c.name)
_GET = select(_T).where(_T.c.name == bindparam("who"))
_INSERT = insert(_T)
_UPDATE = update(_T).where(_T.c.name == bindparam("who"))
_DELETE = delete(_T).where(_T.c.name == bindparam("who"))
_CHANGEABLE = frozenset({"role", "disabled"})
_ADMINS = select(_T.c.name).where(_T.c.role == Role.ADMIN.value, _T.c.disabled.is_(False))
_TOKENS = select(schema.tokens.c.id).where(schema.tokens.c.user == bindparam("who"))
_ANSWERS = delete(schema.answers).where(schema.answers.c.user == bindparam("who"))
_ALONE = "users"


class Users:
    """Users by name. Every method may raise StoreError; one that changes an unknown user raises UserNotFound."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: User) -> User:
        """Put a user on record. Raises Conflict when the name is taken."""
        try:
            with self._database.write() as connection:
                connection.execute(_INSERT, all_columns(user))
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise Conflict(f"there is a user named {user.name!r} already") from error
            raise
        return user

    def get(self, name: str) -> User | None:
        """The user, or None."""
        with self._database.read() as connection:
            row = connection.execute(_GET, {"who": plain(name)}).first()
        return None if row is None else user_record(row)

    def list(self, *, after: str = "", limit: int | None = None) -> list[User]:
        """All users by name, or the first so many ``after`` this one."""
        query = _ALL.where(_T.c.name > plain(after)).limit(limit)
        with self._database.read() as connection:
            return [user_record(row) for row in connection.execute(query)]

    def update(self, name: str, **changes: Any) -> User:
        """Set ``role`` or ``disabled``. Raises Conflict where no administrator would be left."""
        wrong = sorted(set(changes) - _CHANGEABLE)
        if wrong:
            raise TypeError(f"field {wrong[0]!r} of a user cannot be set this way")
        with self._keeping_an_admin() as connection:
            if changes:
                connection.execute(_UPDATE, {"who": plain(name), **columns(changes)})
            row = connection.execute(_GET, {"who": plain(name)}).first()
        if row is None:
            raise _unknown(name)
        return user_record(row)

    def remove(self, name: str) -> None:
        """Forget a user, with all tokens, and let none count that was made by one of these. What they did stays.

        What they were answered goes, for another may come to have the name. Raises Conflict where no administrator
        would be left.
        """
        with self._keeping_an_admin() as connection:
            self._database.alone(connection, TOKENS_ALONE)
            tokens = connection.scalars(_TOKENS, {"who": plain(name)}).all()
            revoke_made_by(connection, tokens, self._database.now(connection))
            connection.execute(_ANSWERS, {"who": plain(name)})
            if connection.execute(_DELETE, {"who": plain(name)}).rowcount == 0:
                raise _unknown(name)

    @contextmanager
    def _keeping_an_admin(self) -> Iterator[Connection]:
        """A transaction that nobody else changes users beside: two could take each other's role at the same moment."""
        with self._database.write() as connection:
            self._database.alone(connection, _ALONE)
            before = connection.scalars(_ADMINS).first()
            yield connection
            if before is not None and connection.scalars(_ADMINS).first() is None:
                raise Conflict(
                    f"{before!r} is the last administrator",
                    hint="Make another one first: `styx-server user add NAME --role admin`.",
                )


def _unknown(name: str) -> UserNotFound:
    return UserNotFound(f"no user named {name!r}", hint="`styx api user list` lists those there are.")
