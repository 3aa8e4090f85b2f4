"""Connections and transactions; what differs between SQLite and PostgreSQL is here and nowhere else.

SQLite: every write runs under ``BEGIN IMMEDIATE``. The driver's default begins nothing on SELECT and loses concurrent
read-modify-writes without an error. PostgreSQL: read committed; a writer locks the row it read (``FOR UPDATE``, which
SQLite's dialect leaves out), a cluster's before its attempts'.
"""

from __future__ import annotations

import select
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    URL,
    ColumnElement,
    Connection,
    Engine,
    cast,
    create_engine,
    event,
    exc,
    func,
    make_url,
    text,
)
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from styx.api.errors import StoreError
from styx.store import schema
from styx.store.faults import explain

LOCK_WAIT = 30  # seconds for another process's transaction to end before giving up
IDLE_WAIT = 20  # seconds within a transaction until PostgreSQL ends that of a process which stands still
# Seconds, and milliseconds, for a PostgreSQL server to answer, and to be missed where the network drops all it sends.
# https://www.postgresql.org/docs/17/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_FRESH = 1.0  # seconds after which a connection to it that nobody used is asked whether it still stands
_SERVER_TIME = text("SELECT clock_timestamp()")  # at this moment; now() is when the transaction began
_ALONE = text("SELECT pg_advisory_xact_lock(:styx, hashtext(:what))")
_LEFT = "styx.left"
_STYX = 0x73747978  # first half of the keys of our advisory locks: "styx"
_SCHEMES = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Database:
    """One database, safe to use from several threads.

    :meth:`read` and :meth:`write` raise StoreError for whatever the database raises, and pass every other error on.
    """

    def __init__(self, url: URL, clock: Callable[[], datetime] = utc_now) -> None:
        self.url = url
        self.clock = clock
        self.sqlite = url.get_backend_name() == "sqlite"
        self.label = url.database or "" if self.sqlite else url.render_as_string(hide_password=True)
        # Threads of one process take turns here: SQLite's own waiting polls, with pauses of up to 100 ms.
        self._turn: AbstractContextManager[Any] = threading.Lock() if self.sqlite else nullcontext()
        self._free: list[Connection] = []  # of SQLite; each step with it is atomic
        with self._explained():
            self._engine = _sqlite_engine(url) if self.sqlite else _postgres_engine(url)
            # Each SELECT sees what is committed by then, with or without BEGIN and ROLLBACK: two round trips fewer.
            self._reader = self._engine if self.sqlite else self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for SELECTs. Takes no lock that a writer would wait for."""
        with self._explained(), self._connected(self._reader) as connection:
            yield connection

    @contextmanager
    def write(self, *, lazily: bool = False) -> Iterator[Connection]:
        """A connection inside a write transaction: committed and synced on leaving, rolled back on an error.

        ``lazily`` is without the sync, which on a disk costs more than all the rest: whatever befalls this process, it
        is committed; should the machine lose its power, everything since the last synced commit may be lost, in order.
        So it is for what nothing outside follows from before a synced commit has come, such as a claim, or an intent
        with which nobody has been called yet.
        """
        with self._explained(), self._turn, self._connected(self._engine) as connection:
            if not self.sqlite:
                yield connection
                connection.commit()
                return
            driver: Any = connection.connection.dbapi_connection  # straight to it: a quarter of the time of an update
            driver.execute("PRAGMA synchronous=NORMAL" if lazily else "PRAGMA synchronous=FULL")
            driver.execute("BEGIN IMMEDIATE")
            yield connection
            driver.commit()

    def now(self, connection: Connection | None = None) -> datetime:
        """The time that all who share the database agree on: the server's, where they may be on several machines."""
        if self.sqlite:
            return self.clock()
        with self.read() if connection is None else nullcontext(connection) as asked:
            now: datetime = asked.scalars(_SERVER_TIME).one()
        return now.astimezone(UTC)

    @staticmethod
    def seconds(connection: Connection, began: ColumnElement[str], ended: ColumnElement[str]) -> ColumnElement[Any]:
        """How long it is between two times as they are written, for the database to add up; to a tenth of a ms."""
        if connection.dialect.name == "sqlite":
            return (func.julianday(ended) - func.julianday(began)) * 86400.0
        kind = TIMESTAMP(timezone=True)
        return func.extract("epoch", cast(ended, kind) - cast(began, kind))

    def alone(self, connection: Connection, what: str) -> None:
        """Let nobody else past here with the same ``what`` until the transaction is over: there may be no row to lock.

        To be called before any row is locked. SQLite's writers are alone in any case.
        """
        if not self.sqlite:
            connection.execute(_ALONE, {"styx": _STYX, "what": what})

    def close(self) -> None:
        """Close the connections that are not in use. Idempotent."""
        while self._free:
            self._free.pop().close()
        self._engine.dispose()

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        """A connection that nobody else has. Those to a file are kept open: a pool takes longer than a query."""
        if not self.sqlite:
            with engine.connect() as connection:
                yield connection
            return
        try:
            connection = self._free.pop()
        except IndexError:
            connection = engine.connect()
        whole = False
        try:
            yield connection
            connection.rollback()  # nothing is left of what was not committed
            whole = True
        finally:
            if whole:
                self._free.append(connection)
            else:
                connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (exc.SQLAlchemyError, sqlite3.Error, ImportError) as error:
            raise explain(error, self.label) from error


def parse_url(given: str) -> URL:
    """The database's URL with the driver we use. Raises StoreError for anything but SQLite files and PostgreSQL."""
    known = "Use sqlite:////path/to/state.db or postgresql://user:password@host/database."
    try:
        url = make_url(given)
    except (exc.ArgumentError, ValueError) as error:  # a port that is no number
        raise StoreError("the database URL cannot be read", hint=known) from error
    driver = _SCHEMES.get(url.drivername)
    if driver is None:
        raise StoreError(f"databases of kind {url.drivername!r} are not supported", hint=known)
    if driver == "sqlite" and url.database in {None, "", ":memory:"}:
        raise StoreError("a SQLite database needs a file, so that other processes see it", hint=known)
    if driver == "sqlite" and not Path(str(url.database)).is_absolute():
        raise StoreError(
            f"the path {url.database!r} of the SQLite database is relative: elsewhere it would be another database",
            hint=f"Four slashes begin an absolute one: sqlite:///{Path(str(url.database)).absolute()}.",
        )
    return url.set(drivername=driver)


def _has_something_to_say(connection: Any) -> bool:
    """Whether something came over a connection since anybody used it."""
    asked = select.poll()
    asked.register(connection.fileno(), select.POLLIN)
    return bool(asked.poll(0))


def _sqlite_engine(url: URL) -> Engine:
    """Without a pool: those connections that nobody uses are the database's own to keep."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": LOCK_WAIT, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where write() says so, and nowhere else
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal" and _ours(connection):
            connection.execute("PRAGMA journal_mode=WAL").close()

    return engine


def _ours(connection: Any) -> bool:
    """Whether the file is ours or empty: the journal mode is written into it, and another program's is left alone."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return not names or schema.revisions.name in names


def patience(url: URL) -> dict[str, Any]:
    """How long to wait for a PostgreSQL server, where its URL does not say."""
    return {name: value for name, value in _PATIENCE.items() if name not in url.query}


def _postgres_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args=patience(url), isolation_level="READ COMMITTED")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.execute(f"SET lock_timeout = '{LOCK_WAIT}s'")
        connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_WAIT}s'")
        connection.commit()

    # As pool_pre_ping, which asks every time: a round trip for each of what a busy server asks of the database. A
    # connection that was used just now is asked where it has something to say, which is what one that was ended has.
    @event.listens_for(engine, "checkin")
    def leave(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_LEFT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def take(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        left = record.info.get(_LEFT)
        if left is not None and (time.monotonic() - left > _FRESH or _has_something_to_say(connection)):
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise exc.InvalidatePoolError from error  # it makes another, and all that are as old go

    return engine
