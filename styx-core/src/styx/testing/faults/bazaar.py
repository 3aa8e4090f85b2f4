"""The bazaar under the fault harness: every habit is a variant, and a request may arrive late."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from styx.api import Cloud, Services
from styx.testing.bazaar import FileClock, Habits, Machine, Market, bazaar
from styx.testing.bazaar.ledger import FileLedger
from styx.testing.bazaar.market import ABOUT
from styx.testing.bazaar.named import HABITS, stage, with_habits
from styx.testing.bazaar.trade import owner_of
from styx.testing.faults.bench import Call, FaultBench, Tap, Thing
from styx.testing.faults.kinds import Fault
from styx.testing.surroundings import services

KIND = "kind"  # the variant without any bad habit
_BOOT = 0.05  # seconds: each look at a machine that boots is a call, and one is like the other
_POST = "post.pickle"  # requests that are still under way


class BazaarBench(FaultBench):
    """A market in a directory. ``variant`` names its habits, joined by ``+``."""

    name: ClassVar[str] = "bazaar"
    variants: ClassVar[Sequence[str]] = (KIND, *HABITS)
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
        self._post = directory / _POST

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
        self._deliver()
        market = self._market()
        bills = {bill.id: bill for bill in market.billing()}
        for machine in market.machines():
            if machine.refused is None:
                owner = owner_of(machine.name, machine.tags)
                runs = machine.off is None and machine.going is None
                yield Thing(machine.id, owner[0] if owner else None, bills.pop(machine.id, None) is not None, runs)
        for part in market.parts():
            if part.id in bills:
                owner = owner_of(part.name, part.tags)
                yield Thing(part.id, owner[0] if owner else None, runs=False)

    def taken(self) -> Collection[str]:
        """Machines whose host failed."""
        with FileLedger(self.directory).turn() as state:
            machines: Iterable[Machine] = state.machines.values()
            return {machine.id for machine in machines if machine.evidence or machine.fails is not None}

    def tap(self, cloud: Cloud, tap: Tap) -> None:
        """As ever; a request that is under way arrives before the next call that is made after its time."""

        def delivering(call: Call) -> Any:
            self._deliver()
            return tap(call)

        super().tap(cloud, delivering)

    def later(self, call: Call) -> None:
        """Let the request arrive halfway through the time in which an absence may still be a delay."""
        lag = max(self.habits.late_births, self.habits.late_deaths)
        due = self.clock.now().timestamp() + (self.habits.traits.settle_after - lag) / 2
        assert call.installation
        self._post.write_bytes(pickle.dumps((due, call.installation, call.name, call.arguments)))

    def _deliver(self) -> None:
        """Carry out the request that is due, at the time at which it was."""
        try:
            due, installation, method, arguments = pickle.loads(self._post.read_bytes())  # our own
        except FileNotFoundError:
            return
        if self.clock.now().timestamp() < due:
            return
        self._post.unlink()
        market = Market(FileLedger(self.directory), self.habits, _Moment(due))  # type: ignore[arg-type]
        surroundings = services(self.directory, market, installation=installation, clock=_Moment(due))
        getattr(self._cloud(surroundings, market), method)(*arguments)

    def _market(self) -> Market:
        return Market.at(self.directory)

    def _cloud(self, services: Services, market: Market) -> Cloud:
        return bazaar(self.habits)(replace(services, config=market))


class _Moment:
    """A clock that stands still."""

    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> datetime:
        """Always this time."""
        return datetime.fromtimestamp(self._at, UTC)

    def monotonic(self) -> float:
        """Always this second."""
        return self._at

    async def sleep(self, seconds: float) -> None:
        """Nothing passes here."""
        del seconds
        await asyncio.sleep(0)
