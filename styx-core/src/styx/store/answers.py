"""What was answered under idempotency keys, so that who asks twice has it done once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from styx.store import schema, servers
from styx.store.access import Answer
from styx.store.database import Database
from styx.store.rows import all_columns, answer_record, plain, read_time, write_time

ABANDONED = timedelta(minutes=2)  # longer than any request takes

_T = schema.answers
_IT = _T.c.user == bindparam("who"), _T.c.key == bindparam("which")
_OWN = *_IT, _T.c.server == bindparam("by"), _T.c.created_at == bindparam("at"), _T.c.status == 0
_GET = select(_T).where(*_IT)
_INSERT = insert(_T)
_DELETE = delete(_T).where(*_IT)
_FINISH = update(_T).where(*_OWN)
_DROP = delete(_T).where(*_OWN)


class Attempt(NamedTuple):
    """To answer what came under a key; ``again`` is whether an earlier one did not come to its end, so far it is known.

    What that has done may be there, or not.
    """

    user: str
    key: str
    server: str
    at: datetime
    again: bool


class Answers:
    """Answers by user and key, until they are pruned. Every method may raise StoreError.

    Each is begun, and then finished or dropped, by one attempt; what an earlier one still says changes nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, user: str, key: str, fingerprint: str, server: str) -> Attempt | Answer:
        """An attempt where it is for the caller to answer, with :meth:`finish` or :meth:`drop`; else what is on record.

        That has status 0 while it is still being answered, and the fingerprint of another request where the key was
        used for that. What a server has died over, or not answered in two minutes, is for the next who asks.
        """
        which = _which(user, key)
        with self._database.write() as connection:
            self._database.alone(connection, f"answer/{user}/{key}")
            now = self._database.now(connection)
            row = connection.execute(_GET, which).first()
            if row is not None and (row.status or _worked_on(connection, row, now)):
                return answer_record(row)
            connection.execute(_DELETE, which)
            connection.execute(_INSERT, all_columns(Answer(key, user, fingerprint, 0, "", now, server)))
            return Attempt(user, key, server, now, row is not None and row.fingerprint == fingerprint)

    def finish(self, attempt: Attempt, status: int, body: str) -> None:
        """Keep what was answered. The first answer stays."""
        with self._database.write() as connection:
            connection.execute(_FINISH, {**_own(attempt), "status": status, "body": plain(body)})

    def drop(self, attempt: Attempt) -> None:
        """Nothing was done: who asks again has it tried again. An answer that is kept stays."""
        with self._database.write() as connection:
            connection.execute(_DROP, _own(attempt))


def _worked_on(connection: Connection, row: Row[Any], now: datetime) -> bool:
    """Whether the first may still be answered; of a server that gave no name only the time tells."""
    return read_time(row.created_at) > now - ABANDONED and (
        not row.server or servers.is_working(connection, row.server, now)
    )


def _which(user: str, key: str) -> dict[str, str]:
    return {"who": plain(user), "which": plain(key)}


def _own(attempt: Attempt) -> dict[str, str]:
    return {**_which(attempt.user, attempt.key), "by": attempt.server, "at": write_time(attempt.at)}
