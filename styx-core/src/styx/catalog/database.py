"""Questions to the compiled catalog of one cloud, from any thread."""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from threading import Lock
from typing import Any, TypeVar

from styx.catalog import cache

Row = tuple[Any, ...]
ResultT = TypeVar("ResultT")
_DAMAGED = (sqlite3.DatabaseError, UnicodeDecodeError)  # the latter where sqlite3 names what is no text any more
Work = Callable[[sqlite3.Connection, dict[object, Any]], ResultT]


class Database:
    """Opened, and compiled if need be, by the first question. No connection is used by two threads at one time."""

    def __init__(self, cloud: str, folders: Sequence[str], choose: cache.Choose, read: cache.Read) -> None:
        self.cloud = cloud
        self._snapshot = folders, choose, read
        self._opened: cache.Opened | None = None
        self._idle: deque[sqlite3.Connection] = deque()
        self._lock = Lock()

    def __del__(self) -> None:
        self.close()

    def ask(self, question: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows. Raises as :meth:`read` does."""
        return self.read(lambda connection, _: connection.execute(question, parameters).fetchall())

    def read(self, work: Work[ResultT]) -> ResultT:
        """What ``work`` makes of the tables, which it may have to look at again from the start.

        It is given a connection, and a dictionary to keep what it makes of rows for the next time: another one where
        the tables are others.

        Raises CatalogError when the snapshot cannot be read, or there is no room to compile it. A compiled file that is
        damaged, or was removed, is made again.
        """
        opened = self._open()
        try:
            return self._read(opened, work)
        except _DAMAGED:
            self._discard(opened)
        opened = self._open()
        try:
            return self._read(opened, work)
        except _DAMAGED as error:
            from styx.api.errors import CatalogError

            raise CatalogError(
                f"the catalog of {self.cloud} cannot be used: {error}", hint="Is the disk full?", cloud=self.cloud
            ) from error

    def close(self) -> None:
        """Close what is open; the next question opens it again. Idempotent."""
        with self._lock:
            opened, self._opened = self._opened, None
        while self._idle:
            self._idle.pop().close()
        if opened is not None and opened.keeper is not None:
            opened.keeper.close()

    def _open(self) -> cache.Opened:
        with self._lock:
            if self._opened is None:
                self._opened = cache.find(self.cloud, *self._snapshot)
            return self._opened

    def _read(self, opened: cache.Opened, work: Work[ResultT]) -> ResultT:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = sqlite3.connect(opened.uri, uri=True, check_same_thread=False)
        with ExitStack() as failing:
            failing.callback(connection.close)
            result = work(connection, opened.known)
            failing.pop_all()
        self._idle.append(connection)
        return result

    def _discard(self, opened: cache.Opened) -> None:
        self.close()
        if opened.path:
            with suppress(OSError):
                os.unlink(opened.path)
