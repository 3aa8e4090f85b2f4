"""Who may use the servers of this store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from styx.api.errors import Conflict, StoreError
from styx.store import schema
from styx.store.access import User, UserNotFound
from styx.store.database import Database
from styx.store.rows import all_columns, columns, plain, user_record

_T = schema.users
_ALL = select(_T).order_by(_T.c.name)
_GET = select(_T).where(_T.c.name == bindparam("who"))
_INSERT = insert(_T)
_UPDATE = update(_T).where(_T.c.name == bindparam("who"))
_DELETE = delete(_T).where(_T.c.name == bindparam("who"))
_CHANGEABLE = frozenset({"role", "disabled"})


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

    def list(self) -> list[User]:
        """All users by name."""
        with self._database.read() as connection:
            return [user_record(row) for row in connection.execute(_ALL)]

    def update(self, name: str, **changes: Any) -> User:
        """Set ``role`` or ``disabled``."""
        wrong = sorted(set(changes) - _CHANGEABLE)
        if wrong:
            raise TypeError(f"field {wrong[0]!r} of a user cannot be set this way")
        with self._database.write() as connection:
            if changes:
                connection.execute(_UPDATE, {"who": plain(name), **columns(changes)})
            row = connection.execute(_GET, {"who": plain(name)}).first()
        if row is None:
            raise _unknown(name)
        return user_record(row)

    def remove(self, name: str) -> None:
        """Forget a user, with all tokens. What they did stays on record."""
        with self._database.write() as connection:
            if connection.execute(_DELETE, {"who": plain(name)}).rowcount == 0:
                raise _unknown(name)


def _unknown(name: str) -> UserNotFound:
    return UserNotFound(f"no user named {name!r}", hint="`GET /v1/users` lists the users there are.")
