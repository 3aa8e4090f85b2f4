"""The real clock: where time comes from when nobody passes in another."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The time of this machine; implements :class:`styx.api.Clock`."""

    def now(self) -> datetime:
        """The time of day: timezone-aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let the event loop do other things for this long."""
        await asyncio.sleep(seconds)
