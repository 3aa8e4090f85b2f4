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
class Amount:
    """How much of something both have or take: MiB, time by the clock (``ms``), or answers in a second (``/s``).

    ``cpu``: the CPU time of both (ms) where it is known, which is what is compared then.
    """

    what: str
    sky: float
    styx: float
    unit: str = "MiB"
    cpu: tuple[float, float] | None = None

    @property
    def ratio(self) -> float:
        """How many times as much SkyPilot takes, or as many Styx answers."""
        sky, styx = self.cpu or (self.sky, self.styx)
        return styx / sky if self.unit == "/s" else sky / styx

    def cells(self) -> tuple[str, ...]:
        """One row."""
        sky, styx = (self._told(each) for each in (self.sky, self.styx))
        sky_cpu, styx_cpu = map(_ms, self.cpu) if self.cpu else ("", "")
        times = (sky_cpu, sky, styx_cpu, styx) if self.unit == "ms" else (sky, "", styx, "")
        return self.what, *times, f"{self.ratio:.3g} x", "", ""

    def _told(self, amount: float) -> str:
        if self.unit == "ms":
            return _ms(amount)
        return f"{amount:,.0f} {self.unit}".strip()


def show(lines: Iterable[Line | Amount]) -> str:
    """The table; times are CPU time, wall clock beside it."""
    return columns([HEADERS, *(line.cells() for line in lines)], right=range(1, HEADERS.index("ASKED")))


def _ms(amount: float) -> str:
    return f"{amount / 1000:.3g} s" if amount >= 1000 else f"{amount:.3g} ms"
