"""Virtual time that several processes share: it is kept in a file, and goes on where a killed one left it."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from datetime import datetime, timedelta
from pathlib import Path

from styx.testing.clock import EPOCH, FakeClock

_FORM = struct.Struct("<d")


class FileClock:
    """As :class:`styx.testing.FakeClock`, for clients that come one after the other. Thread-safe.

    A sleep lets other things of the process happen for ``breath`` real seconds: 0 where nothing real is waited for.
    """

    def __init__(self, path: Path, start: datetime = EPOCH, *, breath: float = 0.0) -> None:
        self._path = path
        self._start = start
        self._breath = breath
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The virtual time of day: timezone-aware, UTC."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Virtual seconds since the file was made."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return 0.0
        return float(_FORM.unpack(data)[0])

    async def sleep(self, seconds: float) -> None:
        """Let others run, then be at least this many virtual seconds later."""
        wake = self.monotonic() + max(seconds, 0.0)
        await asyncio.sleep(self._breath)
        with self._lock:
            if wake > self.monotonic():
                self._write(wake)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        with self._lock:
            self._write(self.monotonic() + max(seconds, 0.0))

    def _write(self, elapsed: float) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(handle, _FORM.pack(elapsed), 0)  # eight bytes at once: never seen half written
        finally:
            os.close(handle)


class StillClock(FakeClock):
    """A clock on which it is always the same second."""

    def __init__(self, at: float) -> None:
        super().__init__()
        super().advance(at)

    async def sleep(self, seconds: float) -> None:
        """Nothing passes here."""
        del seconds
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Nor here."""
