"""A provider of single machines in memory, and simple clouds over it: one for each way a machine is found again."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from styx.api import (
    Accelerator,
    Clock,
    Conflict,
    ErrorMap,
    Idempotency,
    Machine,
    MachineType,
    NodeState,
    NotFound,
    Order,
    RateLimited,
    Rest,
    SimpleCloud,
    SimplePorts,
    SimpleStop,
    Traits,
    ssh_endpoint,
)
from styx.testing import FakeClock, services

BOOT_SECONDS = 2.0


class Taken(Exception):
    """The name is in use."""


class Missing(Exception):
    """There is no such machine."""


@dataclass
class Garage:
    """The far side. ``requests`` names every request that was let through; ``spacing`` is seconds between two."""

    clock: Clock = field(default_factory=FakeClock)
    unique: bool = False
    spacing: float = 0.0
    lag: float = 0.0  # seconds until a new machine is listed
    rests: list[Rest] = field(default_factory=list)
    before: dict[int, Exception] = field(default_factory=dict)  # by the number of the create: raised, nothing made
    after: dict[int, Exception] = field(default_factory=dict)  # likewise: made, then raised
    requests: list[str] = field(default_factory=list)
    refused: int = 0
    made: dict[str, tuple[float, Machine]] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    _last: float = -1e9
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _creates: int = 0
    _lock: Any = field(default_factory=threading.RLock)

    def enter(self, request: str) -> None:
        """Let one request in, or refuse it."""
        with self._lock:
            now = self.clock.monotonic()
            if now < self._last + self.spacing:
                self.refused += 1
                raise RateLimited("too fast", retry_after=self._last + self.spacing - now)
            self._last = now
            self.requests.append(request)

    def create(self, order: Order) -> str:
        """Make a machine."""
        self.enter(f"create {order.name[-1:]}")
        with self._lock:
            self._creates += 1
            if self._creates in self.before:
                raise self.before[self._creates]
            if self.unique and any(machine.name == order.name for _, machine in self.made.values()):
                raise Taken(order.name)
            id_ = f"g{next(self._ids)}"
            machine = Machine(
                id_, NodeState.PENDING, order.name, order.tags, order.machine_type, order.region,
                ports={port: f"192.0.2.1:{30000 + port}" for port in order.ports}, created_at=self.clock.now(),
            )  # fmt: skip
            self.made[id_] = self.clock.monotonic(), machine
            if self._creates in self.after:
                raise self.after[self._creates]
            return id_

    def machines(self) -> list[Machine | Rest]:
        """Everything."""
        self.enter("list")
        with self._lock:
            now = self.clock.monotonic()
            shown = [self._aged(born, machine) for born, machine in self.made.values() if now >= born + self.lag]
            return [*shown, *self.rests]

    def _aged(self, born: float, machine: Machine) -> Machine:
        if machine.id in self.off:
            return replace(machine, state=NodeState.STOPPED)
        booting = self.clock.monotonic() < born + BOOT_SECONDS
        if booting or machine.error is not None or machine.state in {NodeState.STOPPING, NodeState.TERMINATING}:
            return machine
        return replace(machine, state=NodeState.RUNNING, endpoint=ssh_endpoint(f"192.0.2.{machine.id[1:]}", 22, "root"))

    def change(self, id_: str, **changes: Any) -> None:
        """Have a machine be otherwise."""
        born, machine = self.made[id_]
        self.made[id_] = born, replace(machine, **changes)

    def delete(self, id_: str) -> None:
        """Remove a machine."""
        self.enter(f"delete {id_}")
        with self._lock:
            if self.made.pop(id_, None) is None:
                raise Missing(id_)


GPU = MachineType("gpu", 8, 64, Decimal("1.50"), "north", accelerators=(Accelerator("A100", 1, 80),), disk_gib=100)
PRICES = (
    GPU,
    replace(GPU, region="south", hourly_price=Decimal("1.60")),
    MachineType("cpu", 2, 4, Decimal("0.10"), "north"),
)


class GarageCloud(SimpleStop):
    """Found again by the name that the listing shows."""

    name: ClassVar[str] = "garage"
    traits: ClassVar[Traits] = Traits(Idempotency.SEARCH, settle_after=3.0, boot_deadline=60.0)
    machine_types = PRICES
    takes = frozenset({"ports"})
    errors: ClassVar[ErrorMap] = {Taken: Conflict, Missing: NotFound}

    @property
    def garage(self) -> Garage:
        """The far side."""
        far: Garage = self.services.config
        return far

    def account(self) -> str:
        """A constant."""
        self.garage.enter("account")
        return "garage-1"

    def create(self, order: Order) -> str:
        """Ask."""
        return self.garage.create(self.seen(order))

    def machines(self) -> Iterable[Machine | Rest]:
        """List."""
        return self.garage.machines()

    def delete(self, machine_id: str) -> None:
        """Remove."""
        self.garage.delete(machine_id)

    def delete_rest(self, rest: Rest) -> None:
        """Remove a disk."""
        self.garage.enter(f"delete {rest.id}")
        self.garage.rests.remove(rest)

    def stop_machine(self, machine_id: str) -> None:
        """Switch off."""
        self.garage.enter(f"stop {machine_id}")
        self.garage.off.add(machine_id)

    def start_machine(self, machine_id: str) -> None:
        """Switch on."""
        self.garage.enter(f"start {machine_id}")
        self.garage.off.discard(machine_id)

    def open_machine(self, machine_id: str, ports: Iterable[int]) -> None:
        """Open."""
        self.garage.enter(f"open {machine_id}")
        known = self.garage.made[machine_id][1].ports
        self.garage.change(machine_id, ports={**known, **{port: f"192.0.2.1:{30000 + port}" for port in ports}})

    def seen(self, order: Order) -> Order:
        """What of the order the provider keeps."""
        return replace(order, tags={})


class SearchCloud(GarageCloud, SimplePorts):
    """The same, with ports."""


class NamedCloud(GarageCloud, SimplePorts):
    """Found again by a name that is refused twice."""

    traits: ClassVar[Traits] = Traits(Idempotency.NAME, token_lifetime=3600.0, boot_deadline=60.0)


class TaggedCloud(SearchCloud):
    """Found again by tags."""

    def seen(self, order: Order) -> Order:
        """Tags, and a name of its own."""
        return replace(order, name="box")


class AnonymousCloud(GarageCloud):
    """Not found again at all."""

    traits: ClassVar[Traits] = Traits(Idempotency.NONE, settle_after=3.0, boot_deadline=60.0)

    def seen(self, order: Order) -> Order:
        """Nothing."""
        return replace(order, name="", tags={})


CLOUDS: tuple[type[GarageCloud], ...] = (SearchCloud, NamedCloud, TaggedCloud, AnonymousCloud)


def make(kind: type[SimpleCloud], tmp_path: Path, **traits: Any) -> Any:
    """A cloud over a garage of its own; ``traits`` replace those of the class."""
    garage = Garage(unique=kind.traits.idempotency is Idempotency.NAME)
    made = kind if not traits else type(kind.__name__, (kind,), {"traits": replace(kind.traits, **traits)})
    return made(services(tmp_path, garage, clock=garage.clock))
