"""How fast a provider may be called, kept: ``Traits.pace`` as core keeps to it."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping

from styx.api import Clock


class Pace:
    """Tells every call how long it has to wait. What is no length of time is no pace. Thread-safe."""

    def __init__(self, clock: Clock, seconds: Mapping[str, float]) -> None:
        self._clock = clock
        given = seconds.items() if isinstance(seconds, Mapping) else ()
        self._seconds = {method: s for method, s in given if isinstance(s, int | float) and 0 < s < math.inf}
        self._next: dict[str, float] = {}  # the earliest time of the next call, by method; "" is any
        self._lock = threading.Lock()

    def take(self, method: str) -> float:
        """Reserve the next free moment for a call of ``method``; the seconds until then."""
        if not self._seconds:
            return 0.0
        with self._lock:
            now = self._clock.monotonic()
            at = max(now, self._next.get("", now), self._next.get(method, now))
            for name in ("", method):
                self._next[name] = at + self._seconds.get(name, 0.0)
            return at - now
