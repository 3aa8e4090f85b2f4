"""What can be rented: places, machines and prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

# In Offer.capabilities: a node may use part of the machine, so sizes are what fits, not what is bought.
DIVISIBLE = "divisible"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """A place that can be listed in one go: a region, a namespace, a pool. ``name`` is unique within one account."""

    name: str


@dataclass(frozen=True, slots=True)
class Accelerator:
    """``count`` devices of model ``name`` (canonical, like ``A100-80GB``), ``memory_gib`` each, 0 when unknown."""

    name: str
    count: float = 1
    memory_gib: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """One machine that can be rented in one place. Prices are USD per hour for one node; None means not sold so."""

    cloud: str
    scope: Scope
    instance_type: str
    vcpus: float
    memory_gib: float
    region: str = ""
    zone: str | None = None
    accelerators: tuple[Accelerator, ...] = ()
    hourly_price: Decimal | None = None
    spot_hourly_price: Decimal | None = None
    arch: str = "x86_64"
    disk_gib: int | None = None
    available: int | None = None  # nodes free right now, when the provider can tell
    capabilities: frozenset[str] = frozenset()
    data: Mapping[str, str] = field(default_factory=dict)  # what the plugin needs to find it again

    def price(self, *, spot: bool) -> Decimal | None:
        """USD per hour for one node, bought the way that is asked for."""
        return self.spot_hourly_price if spot else self.hourly_price


@dataclass(frozen=True, slots=True)
class OfferQuery:
    """What a task needs of one node. An empty query matches everything.

    A provider may return more than was asked for (core filters again) but must not leave out what fits. Machines that
    are DIVISIBLE fit whatever their size is: core may ask for a usual one where the task says nothing, which they need
    not be.
    """

    vcpus: float | None = None  # at least
    memory_gib: float | None = None  # at least
    accelerators: tuple[Accelerator, ...] = ()  # names as the user wrote them: compare them whatever their case
    instance_type: str | None = None
    region: str | None = None
    zone: str | None = None
    spot: bool = False
    num_nodes: int = 1
    named: bool = False  # the user asked for this cloud; else it is one of all, and should not hold the others up
    vcpus_at_most: float | None = None
    memory_gib_at_most: float | None = None
    accelerator_memory_gib: int | None = None  # at least, each, of accelerators whatever their name
    # Nothing but the above is asked for, so more than this many of each zone, cheapest first, need not be returned.
    cheapest: int | None = None
