"""What the bazaar's own computers know, as plain data: machines, their disks, tokens, and orders that went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from styx.api import NodeState

DISK_PRICE = Decimal("0.01")  # USD per hour, for what stays when a machine is off or gone
EVIDENCE = 60.0  # seconds for which the cause of an end is shown


@dataclass(slots=True)
class Machine:
    """One machine. Times are seconds since 1970; ``home`` is its directory, where machines are directories."""

    id: str
    number: int
    place: str
    zone: str
    kind: str
    name: str
    tags: dict[str, str]
    token: str
    spot: bool
    price: str  # USD per hour
    born: float
    ready: float  # when its boot is over
    address: int  # what its addresses are made from
    ports: list[int] = field(default_factory=list)
    home: str = ""
    refused: float | None = None  # when it turns out that there was no room for it
    fails: float | None = None  # when its host fails
    off: float | None = None  # since when it is switched off
    off_by: str = ""  # "user", or "self" when the guest shut down
    going: float | None = None  # since when it is being removed
    gone: float | None = None  # since when it does not exist
    taken: bool = False  # it ends because the provider took it back
    noticed: float | None = None  # when that was announced
    evidence: str = ""

    def exists(self, now: float) -> bool:
        """Whether there is such a machine."""
        return self.gone is None or now < self.gone

    def state(self, now: float) -> NodeState:
        """What it is doing."""
        if self.going is not None and now >= self.going:
            return NodeState.TERMINATING
        if self.off is not None:
            return NodeState.STOPPED
        return NodeState.RUNNING if now >= self.ready and self.refused is None else NodeState.PENDING

    def costs(self, now: float, *, billed_when_off: bool) -> Decimal:
        """USD per hour, as the provider bills it."""
        if not self.exists(now):
            return Decimal(0)
        off = self.off is not None and not (self.off_by == "self" and billed_when_off)
        return DISK_PRICE if off or self.state(now) is NodeState.TERMINATING else Decimal(self.price)


@dataclass(slots=True)
class Part:
    """A disk or a NIC that its machine needs, and that may outlive it."""

    id: str
    kind: str
    machine: str
    place: str
    tags: dict[str, str]
    name: str


@dataclass(slots=True)
class Order:
    """One launch that the provider remembers: by its token, and for what became of it."""

    token: str
    zone: str
    text: str
    tags: dict[str, str]
    name: str
    place: str
    at: float
    ids: dict[str, str]
    refused: float | None = None  # when it is known to have failed
    error: dict[str, Any] | None = None


@dataclass(slots=True)
class State:
    """All of it. Machines that are gone stay on record, for listings that lag and for tests that ask."""

    number: int = 0  # the last that a machine or an address was given
    made: int = 0  # machines, ever
    last_call: float = -1e9
    launches: int = 0
    listings: int = 0
    doomed: int = 0  # so many of the next machines fail while they boot
    machines: dict[str, Machine] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    room: dict[str, int] = field(default_factory=dict)  # "place/kind": how many may run; those not named are unlimited
    quota: dict[str, int] = field(default_factory=dict)  # place: how many this account may have
    failures: dict[str, list[tuple[dict[str, Any], bool]]] = field(default_factory=dict)
    chores: list[tuple[str, str]] = field(default_factory=list)  # what is still to be done to machines' directories

    def to_data(self) -> dict[str, Any]:
        """Plain JSON data."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        data["machines"] = [_plain(machine) for machine in self.machines.values()]
        data["parts"] = [_plain(part) for part in self.parts.values()]
        data["orders"] = [_plain(order) for order in self.orders]
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> State:
        """The state that :meth:`to_data` wrote."""
        state = cls(**data)
        state.machines = {each["id"]: Machine(**each) for each in data["machines"]}
        state.parts = {each["id"]: Part(**each) for each in data["parts"]}
        state.orders = [Order(**each) for each in data["orders"]]
        return state


def _plain(thing: Machine | Part | Order) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in thing.__slots__}
