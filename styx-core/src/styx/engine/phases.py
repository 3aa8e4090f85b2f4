"""How long each phase of a launch took: told as it ends, and kept among the events of the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from styx.api.errors import StoreError
from styx.api.services import Clock
from styx.engine.context import Context, Progress

EVENT = "phases"  # the kind of the event
_ASIDE = frozenset({"note", "time"})  # said of any phase
_ONE = re.compile(r"(\S+) (\d+\.\d+) s(?:, |$)")


class Phases:
    """Progress that is passed on and timed: a phase lasts until another is told of. Seconds, on the clock given."""

    def __init__(self, clock: Clock, progress: Progress, first: str = "plan") -> None:
        self.seconds: dict[str, float] = {}  # in all, for one that comes again
        self._clock = clock
        self._progress = progress
        self._phase = first
        self._since = clock.monotonic()

    def __call__(self, phase: str, sentence: str) -> None:
        """Tell of something, which may begin another phase."""
        if phase != self._phase and phase not in _ASIDE:
            self.end()
            self._phase = phase
        self._progress(phase, sentence)

    def end(self) -> None:
        """End the present phase."""
        now = self._clock.monotonic()
        took, self._since = now - self._since, now
        self.seconds[self._phase] = self.seconds.get(self._phase, 0.0) + took
        self._progress("time", f"{self._phase} took {took:.2f} s")

    def __str__(self) -> str:
        """All of them, in the order in which they first came."""
        return ", ".join(f"{phase} {took:.2f} s" for phase, took in self.seconds.items())


def seconds_of(event: str) -> dict[str, float]:
    """How long each phase took, from the text of such an event."""
    return {phase: float(took) for phase, took in _ONE.findall(event)}


@contextmanager
def timed(context: Context, cluster: str, progress: Progress) -> Iterator[Phases]:
    """Time what is told of in the block; kept, however it ends, where there is a cluster then."""
    phases = Phases(context.clock, progress)
    try:
        yield phases
    finally:
        phases.end()
        with suppress(StoreError):  # no launch fails for that
            if context.store.clusters.get(cluster) is not None:
                context.store.events.add(cluster, EVENT, str(phases))
