"""Whose turn it is to call an account of a cloud, so that all processes together keep to the provider's pace.

A turn is taken by one short transaction before the call: it moves the moment at which the next one may be made. Turns
come in the order in which they were taken, so nobody starves; a process that dies with its turn has wasted it, and
holds nobody up for longer. Where the pace asks for nothing and nobody was told to wait, nothing is written.

The lanes of an account are its name's, not its identity's: who we are can only be learnt by a call, which has to keep
to the pace itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select, update

from styx.store import schema
from styx.store.database import Database
from styx.store.rows import read_time, write_time

STAGGER = 0.1  # seconds between those that were all told to wait until the same moment

_T = schema.turns
_LANES = select(_T).where(_T.c.cloud == bindparam("cloud_key"), _T.c.account == bindparam("account_key"))
_INSERT = insert(_T)
_UPDATE = update(_T).where(
    _T.c.cloud == bindparam("cloud_key"),
    _T.c.account == bindparam("account_key"),
    _T.c.method == bindparam("method_key"),
)


class Turns:
    """Turns by cloud, account and method. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, cloud: str, account: str, pace: Mapping[str, float], *, slack: float, most: float) -> float:
        """Take the next turn in all of these lanes; the seconds from now until it comes.

        ``pace`` maps each lane to the least seconds between two calls. The caller must call within ``slack`` seconds
        of the turn's beginning, or take another. Nothing is taken when it would be more than ``most`` seconds away.
        """
        if not any(pace.values()):
            with self._database.read() as connection:
                now, busy = self._database.now(connection), _lanes(connection, cloud, account)
            if _wait(busy, pace, now) <= 0:
                return 0.0
        with self._alone(cloud, account) as connection:
            now, busy = self._database.now(connection), _lanes(connection, cloud, account)
            wait = _wait(busy, pace, now)
            if wait > most:
                return wait
            for lane, seconds in pace.items():
                if seconds or lane in busy:
                    free_at = now + timedelta(seconds=wait + slack + max(seconds, STAGGER))
                    _write(connection, (cloud, account, lane), lane in busy, now, free_at)
            return wait

    def hold(self, cloud: str, account: str, lanes: Collection[str], seconds: float) -> None:
        """Let nobody have a turn in these lanes for so long from now: the provider has had enough."""
        with self._alone(cloud, account) as connection:
            now, busy = self._database.now(connection), _lanes(connection, cloud, account)
            for lane in lanes:
                free_at = now + timedelta(seconds=max(seconds, _wait(busy, (lane,), now)))
                _write(connection, (cloud, account, lane), lane in busy, now, free_at)

    @contextmanager
    def _alone(self, cloud: str, account: str) -> Iterator[Connection]:
        with self._database.write() as connection:
            self._database.alone(connection, f"turns/{cloud}/{account}")
            yield connection


def _lanes(connection: Connection, cloud: str, account: str) -> dict[str, tuple[datetime, datetime]]:
    rows = connection.execute(_LANES, {"cloud_key": cloud, "account_key": account})
    return {row.method: (read_time(row.taken_at), read_time(row.free_at)) for row in rows}


def _wait(busy: Mapping[str, tuple[datetime, datetime]], lanes: Collection[str], now: datetime) -> float:
    """Seconds until all of these lanes are free. A clock that was set back counts from the last turn it knows."""
    waits = [busy[lane][1] - max(now, busy[lane][0]) for lane in lanes if lane in busy]
    return max([0.0, *(wait.total_seconds() for wait in waits)])


def _write(
    connection: Connection, key: tuple[str, str, str], present: bool, taken_at: datetime, free_at: datetime
) -> None:
    cloud, account, method = key
    times = {"taken_at": write_time(taken_at), "free_at": write_time(free_at)}
    if present:
        connection.execute(_UPDATE, {"cloud_key": cloud, "account_key": account, "method_key": method, **times})
    else:
        connection.execute(_INSERT, {"cloud": cloud, "account": account, "method": method, **times})
