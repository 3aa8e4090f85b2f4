"""A clock to pass in on which waiting takes no time."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class FakeClock:
    """Virtual time, for tests that never wait: sleeping moves the clock, and so does :meth:`advance`. Thread-safe.

    Sleeps that overlap do not add up: two tasks that sleep 10 s side by side let 10 s pass, as they really would.
    """

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The virtual time of day: timezone-aware, UTC."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Virtual seconds since the clock was made."""
        with self._lock:
            return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Let others run once, then be at least this many virtual seconds later."""
        wake = self.monotonic() + max(seconds, 0.0)
        await asyncio.sleep(0)
        with self._lock:
            self._elapsed = max(self._elapsed, wake)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        with self._lock:
            self._elapsed += max(seconds, 0.0)
