"""The bazaar under the fault harness: every habit is a variant, and a request may arrive late."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from styx.api import Cloud, Services
from styx.testing.bazaar import FileClock, Habits, Machine, Market, bazaar
from styx.testing.bazaar.ledger import FileLedger
from styx.testing.bazaar.market import ABOUT
from styx.testing.bazaar.named import HABITS, stage, with_habits
from styx.testing.bazaar.trade import owner_of
from styx.testing.faults.bench import FaultBench, Request, Thing
from styx.testing.faults.clock import StillClock
from styx.testing.faults.kinds import Fault
from styx.testing.faults.line import Call
from styx.testing.surroundings import services

KIND = "kind"  # the variant without any bad habit
_BOOT = 0.05  # seconds: each look at a machine that boots is a call, and one is like the other


class BazaarBench(FaultBench):
    """A market in a directory. ``variant`` names its habits, joined by ``+``."""

    name: ClassVar[str] = "bazaar"
    variants: ClassVar[Sequence[str]] = (KIND, "name", "search", "none")
    others: ClassVar[Sequence[str]] = tuple(name for name in HABITS if name not in {"name", "search", "none"})
    portable: ClassVar[bool] = True
    impossible: ClassVar[Mapping[Fault, str]] = {}

    def __init__(self, directory: Path, variant: str = KIND) -> None:
        super().__init__(directory, variant)
        self._names = [name for name in variant.split("+") if name != KIND]
        habits = with_habits(*self._names)
        if habits is None:
            raise ValueError(f"no provider has all of these habits: {variant}")
        self.habits: Habits = habits
        self.clock: FileClock = FileClock(directory)

    def open(self) -> None:
        """Found the market, unless the directory holds one."""
        if not (self.directory / ABOUT).exists():
            Market.make(self.directory, self.habits, boot_seconds=_BOOT)

    def ready(self) -> None:
        """Set the stage on which the habits show."""
        stage(self._market(), *self._names)

    def pass_time(self, seconds: float) -> None:
        """On the market's clock."""
        self.clock.advance(seconds)

    def cloud(self, services: Services) -> Cloud:
        """A cloud that finds the market in its directory."""
        return self._cloud(services, self._market())

    def things(self) -> Iterable[Thing]:
        """Machines and what they left, as the market bills them; rooms that turn out not to exist never are."""
        return things_of(self._market())

    def taken(self) -> Collection[str]:
        """Machines whose host failed."""
        with FileLedger(self.directory).turn() as state:
            machines: Iterable[Machine] = state.machines.values()
            return {machine.id for machine in machines if machine.evidence or machine.fails is not None}

    def lateness(self, call: Call) -> float:
        """So that it is listed before an absence counts."""
        return (call.settle_after - max(self.habits.late_births, self.habits.late_deaths)) / 2

    def carry_out(self, request: Request) -> None:
        """At the time at which it was due: what is born then is listed from then on."""
        still = StillClock(request.due)
        market = Market(FileLedger(self.directory), self.habits, still, boot_seconds=_BOOT)
        cloud = self._cloud(services(self.directory, installation=request.installation, clock=still), market)
        getattr(cloud, request.method)(*request.arguments)

    def _market(self) -> Market:
        return Market.at(self.directory)

    def _cloud(self, services: Services, market: Market) -> Cloud:
        return bazaar(self.habits)(replace(services, config=market))


def things_of(market: Market) -> Iterable[Thing]:
    """What there is in a market, and what it bills."""
    bills = {bill.id for bill in market.billing()}
    for machine in market.machines():
        if machine.refused is None:
            owner = owner_of(machine.name, machine.tags)
            runs = machine.off is None and machine.going is None
            yield Thing(machine.id, owner[0] if owner else None, machine.id in bills, runs)
    for part in market.parts():
        if part.id in bills:
            owner = owner_of(part.name, part.tags)
            yield Thing(part.id, owner[0] if owner else None, runs=False)
