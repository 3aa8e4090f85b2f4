"""What one object keeps in mind between calls, so that an API with a rate limit is asked for nothing twice.

It is never the truth about machines: a new object that knows nothing does the same with a few requests more.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from styx.api.errors import NotYet
from styx.api.services import Clock
from styx.api.simple.machine import Machine, Rest

FRESH = 5.0  # seconds for which a listing is good enough to choose what to remove: ids are never used again
_REMEMBERED = 64  # launches in progress at once


class Turn:
    """The requests of one call by core. Only the first goes out at once where the provider wants pauses in between."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._taken = False

    def take(self, waiting_for: str) -> None:
        """Before each request. Raises NotYet where the pause has to come first."""
        if self._taken and self._pace > 0:
            raise NotYet(self._pace, waiting_for)
        self._taken = True


class Memory:
    """The last listing, and the machines ordered so far for launches that core has to call again. Thread-safe."""

    def __init__(self, clock: Clock, pace: float) -> None:
        self._clock = clock
        self._fresh = FRESH + 2 * pace
        self._lock = threading.Lock()
        self._listed: tuple[float, Sequence[Machine | Rest]] | None = None
        self._ordered: dict[str, Mapping[int, str]] = {}

    def keep_listing(self, found: Sequence[Machine | Rest]) -> None:
        """Keep what was just listed."""
        with self._lock:
            self._listed = self._clock.monotonic(), found

    def listing(self) -> Sequence[Machine | Rest] | None:
        """What was listed a moment ago, if it was."""
        with self._lock:
            if self._listed is None or self._clock.monotonic() - self._listed[0] > self._fresh:
                return None
            return self._listed[1]

    def forget_listing(self) -> None:
        """Have the next look be a new one."""
        with self._lock:
            self._listed = None

    def mark(self, id_: str, changes: Mapping[str, Any]) -> None:
        """Write into the listing what has just been done to a machine; anything else is taken as removed."""
        with self._lock:
            if self._listed is not None:
                when, found = self._listed
                known = [one for one in found if isinstance(one, Machine) or one.id != id_]
                marked = [
                    replace(one, **changes) if isinstance(one, Machine) and one.id == id_ else one for one in known
                ]
                self._listed = when, marked

    def ordered(self, token: str) -> dict[int, str] | None:
        """The ids by rank that this launch has got so far; None for one that is new here."""
        with self._lock:
            found = self._ordered.get(token)
            return None if found is None else dict(found)

    def keep_ordered(self, token: str, ids: Mapping[int, str]) -> None:
        """Keep them, for the next call with the same token."""
        with self._lock:
            self._ordered.pop(token, None)
            self._ordered[token] = dict(ids)
            while len(self._ordered) > _REMEMBERED:
                del self._ordered[next(iter(self._ordered))]

    def forget_ordered(self, token: str) -> None:
        """The launch is over."""
        with self._lock:
            self._ordered.pop(token, None)
