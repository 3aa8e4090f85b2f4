"""The table: what SkyPilot takes, what Styx takes, how many times as much that is, and what was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.peer.sides import Answer
from benchmarks.report import columns

HEADERS = ("WHAT", "SKYPILOT", "(WALL)", "STYX", "(WALL)", "RATIO", "ASKED", "")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that both do. ``times``: SkyPilot's CPU time over Styx's, at least; ``most``: Styx's CPU time (ms)."""

    what: str
    sky: Answer
    styx: Answer
    times: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float:
        """SkyPilot's CPU time over Styx's."""
        return self.sky.cpu / self.styx.cpu

    @property
    def met(self) -> bool:
        """Whether everything that was asked for is so."""
        return (self.times is None or self.ratio >= self.times) and (self.most is None or self.styx.cpu <= self.most)

    @property
    def asked(self) -> str:
        """What was asked for, in words."""
        times = "" if self.times is None else f">= {self.times:g} x"
        most = "" if self.most is None else f"<= {self.most:g} ms"
        return ", ".join(filter(None, (times, most)))

    def cells(self) -> tuple[str, ...]:
        """One row."""
        verdict = ("ok" if self.met else "MISSED") if self.asked else ""
        times = (_ms(each) for side in (self.sky, self.styx) for each in (side.cpu, side.wall))
        return (self.what, *times, f"{self.ratio:.3g} x", self.asked, verdict)


@dataclass(frozen=True, slots=True)
class Memory:
    """The most memory (MiB) of something that both do."""

    what: str
    sky: float
    styx: float

    def cells(self) -> tuple[str, ...]:
        """One row."""
        ratio = f"{self.sky / self.styx:.3g} x"
        return self.what, f"{self.sky:.0f} MiB", "", f"{self.styx:.0f} MiB", "", ratio, "", ""


def show(lines: Iterable[Line | Memory]) -> str:
    """The table; times are CPU time, wall clock beside it."""
    return columns([HEADERS, *(line.cells() for line in lines)], right=range(1, HEADERS.index("ASKED")))


def _ms(amount: float) -> str:
    return f"{amount / 1000:.3g} s" if amount >= 1000 else f"{amount:.3g} ms"
