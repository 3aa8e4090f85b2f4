"""The servers that work on this store: each says again and again that it lives; the others take over who does not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from styx.store import job_rows, schema
from styx.store.access import RequestState
from styx.store.database import Database
from styx.store.holder import alive
from styx.store.managed import UNDER_WAY, ServerRecord, Superseded
from styx.store.records import Holder
from styx.store.rows import all_columns, columns, managed_job, server_record, write_time

_T, _J, _R = schema.servers, schema.managed_jobs, schema.requests
_ALL = select(_T).order_by(_T.c.started_at, _T.c.id)
_GET = select(_T).where(_T.c.id == bindparam("server"))
_SHARE = _GET.with_for_update(read=True, key_share=True)  # whoever only says that it lives does not wait
_BOTH = select(_T).where(_T.c.id.in_([bindparam("server"), bindparam("other")])).order_by(_T.c.id).with_for_update()
_INSERT = insert(_T)
_UPDATE = update(_T).where(_T.c.id == bindparam("server"))
_DELETE = delete(_T).where(_T.c.id == bindparam("server"))
_ITS_JOBS = (
    job_rows.SELECT.where(_J.c.server == bindparam("whose"), _J.c.state.in_([state.value for state in UNDER_WAY]))
    .order_by(_J.c.id)
    .with_for_update()
)
_ITS_REQUESTS = (
    select(_R.c.id)
    .where(_R.c.server == bindparam("whose"), _R.c.state == RequestState.RUNNING.value)
    .order_by(_R.c.id)
    .with_for_update()
)
_MOVE_JOB = update(_J).where(_J.c.id == bindparam("which")).values(epoch=_J.c.epoch + 1)
_MOVE_REQUEST = update(_R).where(_R.c.id == bindparam("which")).values(epoch=_R.c.epoch + 1)


class Servers:
    """Servers by id. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, record: ServerRecord) -> None:
        """Put a server on record; its id must be new."""
        with self._database.write() as connection:
            connection.execute(_INSERT, all_columns(record))

    def beat(self, server: str, ttl: float) -> bool:
        """Say that the server lives, and will for ``ttl`` seconds. False when it was taken over: it has no work."""
        with self._database.write(lazily=True) as connection:
            now = self._database.now(connection)
            times = columns({"seen_at": now, "expires_at": now + timedelta(seconds=ttl)})
            return connection.execute(_UPDATE, {"server": server, **times}).rowcount == 1

    def dead(self, holder: Holder) -> list[ServerRecord]:
        """The servers, other than the one whose id ``holder`` has, whose time is over or whose process is dead.

        That a process is dead is known of those on this machine alone.
        """
        with self._database.read() as connection:
            now = write_time(self._database.now(connection))
            rows = connection.execute(_ALL).all()
        return [server_record(row) for row in rows if row.id != holder.id and _dead(row, now)]

    def take_over(self, dead: str, by: str) -> bool:
        """Give all work of a dead server to another, all or nothing; whatever the dead one still writes is refused.

        Each of the jobs has an event of that.

        False when there is nothing to be taken over: another was quicker, or it lives after all. Raises Superseded when
        ``by`` is not on record (any more).
        """
        with self._database.write() as connection:
            rows = {row.id: row for row in connection.execute(_BOTH, {"server": dead, "other": by})}
            if by not in rows:
                raise _unknown(by)
            now = self._database.now(connection)
            if dead == by or dead not in rows or not _dead(rows[dead], write_time(now)):
                return False
            change = {"server": by, "updated_at": write_time(now)}
            if jobs := [managed_job(row) for row in connection.execute(_ITS_JOBS, {"whose": dead})]:
                connection.execute(_MOVE_JOB, [{"which": job.id, **change} for job in jobs])
                why = f"{_named(rows[dead])} is gone: {_named(rows[by])} goes on with it"
                job_rows.append(connection, now, [(job, None, why) for job in jobs], "server")
            if requests := list(connection.scalars(_ITS_REQUESTS, {"whose": dead})):
                connection.execute(_MOVE_REQUEST, [{"which": each, **change} for each in requests])
            connection.execute(_DELETE, {"server": dead})
            return True

    def retire(self, server: str) -> None:
        """Leave: the server's time is over now. Its row goes, unless it has work, which another has to take over.

        Idempotent.
        """
        with self._database.write() as connection:
            if connection.execute(_GET.with_for_update(), {"server": server}).first() is None:
                return
            works = any(connection.execute(find, {"whose": server}).first() for find in (_ITS_JOBS, _ITS_REQUESTS))
            if works:
                now = self._database.now(connection)
                connection.execute(_UPDATE, {"server": server, **columns({"expires_at": now})})
            else:
                connection.execute(_DELETE, {"server": server})

    def list(self) -> list[ServerRecord]:
        """All servers on record, oldest first; also those whose time is over and whose work nobody has taken yet."""
        with self._database.read() as connection:
            return [server_record(row) for row in connection.execute(_ALL)]


def require(connection: Connection, server: str) -> None:
    """Raise Superseded unless the server is on record, and keep it there until the transaction is over.

    To be called before rows of jobs are locked.
    """
    if connection.execute(_SHARE, {"server": server}).first() is None:
        raise _unknown(server)


def is_working(connection: Connection, server: str, now: datetime) -> bool:
    """Whether the server is on record, and neither its time is over nor known to be dead."""
    row = connection.execute(_GET, {"server": server}).first()
    return row is not None and not _dead(row, write_time(now))


def _unknown(server: str) -> Superseded:
    return Superseded(f"server {server} is not on record, or not any more: others have taken its work over")


def _named(row: Row[Any]) -> str:
    return f"server {row.id} (process {row.pid} on {row.host})"


def _dead(row: Row[Any], now: str) -> bool:
    return row.expires_at <= now or not alive(Holder(row.id, row.pid, row.started, row.boot_id, row.host))
