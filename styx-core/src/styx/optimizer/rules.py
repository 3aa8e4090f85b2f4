"""What an offer is tried on: the requirements of one alternative, each a rule with a place in an order.

Where a task says nothing of the machine, a new one is *usual*: not the cheapest box that can be rented, but one with
room to work, of the common architecture, at full speed, and one without devices if there is any. That is how SkyPilot
reads the same file. It never holds of machines that are divided, which are one's own, nor where the task names a type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import IntEnum, auto
from typing import NamedTuple

from styx.api.offers import DIVISIBLE, Accelerator, Offer
from styx.spec.devices import satisfies
from styx.spec.model import Alternative, Amount
from styx.words import devices

USUAL_VCPUS = 8.0
USUAL_GIB_PER_VCPU = 4.0
USUAL_ARCH = "x86_64"
BURSTABLE = "burstable"  # in Offer.capabilities: full speed only for a while
_GIB_IN_GB = 1e9 / 2**30
_ABOUT = 0.05  # sizes of disks are rounded in many ways


class Rule(IntEnum):
    """What an offer is tried on, in this order: the later the one it fails, the closer it came."""

    CLOUD = auto()
    REGION = auto()
    ZONE = auto()
    INSTANCE_TYPE = auto()
    KIND = auto()  # architecture, whether it is slowed down, and devices that nobody asked for
    SIZE = auto()
    ACCELERATORS = auto()
    DISK = auto()
    PRICE = auto()
    AVAILABLE = auto()


class Miss(NamedTuple):
    """A requirement that an offer fails: the rule, what was wanted by it (a name), and the whole sentence."""

    rule: Rule
    wanted: str
    reason: str


def leaves_open(alternative: Alternative) -> bool:
    """Whether it leaves something open that a usual machine decides."""
    return alternative.instance_type is None and not alternative.accelerators


def usual_size(alternative: Alternative) -> tuple[Amount | None, Amount | None]:
    """The vCPUs and the memory that a machine must have where it is rented as a whole.

    Without any size, 8 vCPUs or more; without memory, at least 4 GiB for each vCPU that is asked for. Tasks that name a
    type or accelerators have the machine that comes with them.
    """
    cpus, memory = alternative.cpus, alternative.memory
    if not leaves_open(alternative) or memory is not None:
        return cpus, memory
    cpus = cpus or Amount(USUAL_VCPUS, at_least=True)
    return cpus, Amount(cpus.value * USUAL_GIB_PER_VCPU, at_least=True)


class Judge:
    """Tries offers on what an alternative wants for each of ``num_nodes``. ``usual``: also on what it leaves open."""

    def __init__(self, alternative: Alternative, num_nodes: int, *, usual: bool = False) -> None:
        self.wanted = alternative
        self._nodes = num_nodes
        self._open = leaves_open(alternative)
        self._usual = usual and self._open
        size = alternative.cpus, alternative.memory
        self._sizes = {True: size, False: usual_size(alternative) if usual else size}  # by whether it is divided
        most = alternative.max_hourly_cost
        self._most = None if most is None else Decimal(str(most))
        infra = alternative.infra
        tests: dict[Rule, tuple[bool, Callable[[Offer], bool]]] = {
            Rule.CLOUD: (infra.cloud is not None, lambda offer: offer.cloud == infra.cloud),
            Rule.REGION: (infra.region is not None, lambda offer: offer.region == infra.region),
            Rule.ZONE: (infra.zone is not None, lambda offer: offer.zone == infra.zone),
            Rule.INSTANCE_TYPE: (
                alternative.instance_type is not None, lambda offer: offer.instance_type == alternative.instance_type
            ),
            Rule.KIND: (self._usual, self._is_usual),
            Rule.SIZE: (True, self._is_large),
            Rule.ACCELERATORS: (bool(alternative.accelerators), self._has_devices),
            Rule.DISK: (alternative.local_disk is not None, self._has_disk),
            Rule.PRICE: (alternative.use_spot or most is not None, self._is_sold),
            Rule.AVAILABLE: (True, lambda offer: offer.available is None or offer.available >= num_nodes),
        }  # fmt: skip
        self._tests = [(rule, test) for rule, (matters, test) in tests.items() if matters]

    def failed(self, offer: Offer) -> Rule | None:
        """The first rule that the offer fails; None when it satisfies the alternative."""
        for rule, test in self._tests:
            if not test(offer):
                return rule
        return None

    def spoils(self, offer: Offer) -> bool:
        """Whether the machine has devices that nobody asked for: only taken where there is no other."""
        return self._open and bool(offer.accelerators) and DIVISIBLE not in offer.capabilities

    def size(self, offer: Offer) -> tuple[Amount | None, Amount | None]:
        """The vCPUs and the memory (GiB) that this offer must have."""
        cpus, memory = self._sizes[DIVISIBLE in offer.capabilities]
        if memory is not None and memory.per_cpu:
            memory = Amount(memory.value * offer.vcpus, at_least=True)
        return cpus, memory

    def all_failed(self, offer: Offer) -> list[Rule]:
        """Every rule that the offer fails."""
        return [rule for rule, test in self._tests if not test(offer)]

    def _is_usual(self, offer: Offer) -> bool:
        common = offer.arch == USUAL_ARCH and BURSTABLE not in offer.capabilities
        return DIVISIBLE in offer.capabilities or (common and not self.spoils(offer))

    def _is_large(self, offer: Offer) -> bool:
        cpus, memory = self.size(offer)
        divisible = DIVISIBLE in offer.capabilities
        return _enough(cpus, offer.vcpus, divisible) and _enough(memory, offer.memory_gib, divisible)

    def _has_devices(self, offer: Offer) -> bool:
        divisible = DIVISIBLE in offer.capabilities
        return all(_has(offer, wanted, divisible=divisible) for wanted in self.wanted.accelerators)

    def _has_disk(self, offer: Offer) -> bool:
        return DIVISIBLE in offer.capabilities or local_disk_fits(str(self.wanted.local_disk), offer.disk_gib)

    def _is_sold(self, offer: Offer) -> bool:
        price = offer.price(spot=self.wanted.use_spot)
        if price is None:  # not sold as spot, or nobody knows whether it is below the maximum
            return False
        return self._most is None or price <= self._most

    def miss(self, rule: Rule, offer: Offer) -> Miss:
        """What the offer fails, in words."""
        wanted, infra = self.wanted, self.wanted.infra
        if rule is Rule.CLOUD:
            return Miss(rule, infra.cloud or "", f"not on {infra.cloud}")
        if rule is Rule.REGION:
            return Miss(rule, infra.region or "", f"region {offer.region or '-'}, wanted {infra.region}")
        if rule is Rule.ZONE:
            return Miss(rule, infra.zone or "", f"zone {offer.zone or '-'}, wanted {infra.zone}")
        if rule is Rule.INSTANCE_TYPE:
            kind = wanted.instance_type or ""
            return Miss(rule, kind, f"instance type {offer.instance_type}, wanted {kind}")
        if rule is Rule.ACCELERATORS:
            return self._missing_device(offer)
        return Miss(rule, "", self._shortage(rule, offer))

    def _missing_device(self, offer: Offer) -> Miss:
        divisible = DIVISIBLE in offer.capabilities
        missing = (each for each in self.wanted.accelerators if not _has(offer, each, divisible=divisible))
        wanted = next(missing, None)
        assert wanted is not None, "the rule was failed"
        return Miss(Rule.ACCELERATORS, wanted.name, f"{_devices(offer.accelerators)}, wanted {_devices((wanted,))}")

    def _unusual(self, offer: Offer) -> str:
        if self.spoils(offer):
            return f"{_devices(offer.accelerators)}, which nobody asked for"
        return "burstable" if BURSTABLE in offer.capabilities else f"{offer.arch}, {USUAL_ARCH} unless asked for"

    def _shortage(self, rule: Rule, offer: Offer) -> str:
        wanted = self.wanted
        if rule is Rule.KIND:
            return self._unusual(offer)
        if rule is Rule.SIZE:
            cpus, memory = self.size(offer)
            if not _enough(cpus, offer.vcpus, DIVISIBLE in offer.capabilities):
                return f"{offer.vcpus:g} vCPUs, wanted {wanted.cpus or f'{cpus} by default'}"
            return f"{offer.memory_gib:g} GiB of memory, wanted {wanted.memory or f'{memory} by default'}"
        if rule is Rule.DISK:
            has = "no" if not offer.disk_gib else f"{offer.disk_gib} GiB of"
            return f"{has} local disk, wanted {wanted.local_disk}"
        if rule is Rule.PRICE:
            return self._dear(offer.price(spot=wanted.use_spot))
        return f"{offer.available} free, wanted {self._nodes}"

    def _dear(self, price: Decimal | None) -> str:
        if price is None and self.wanted.use_spot:
            return "no spot price is known"
        asked = "its price is not known" if price is None else f"${price}/h"
        return f"{asked}, wanted at most ${self.wanted.max_hourly_cost:g}"


def why_not(alternative: Alternative, offer: Offer, num_nodes: int) -> str | None:
    """None when the offer satisfies what the alternative says, else the first requirement that it misses."""
    judge = Judge(alternative, num_nodes)
    rule = judge.failed(offer)
    return None if rule is None else judge.miss(rule, offer).reason


def local_disk_fits(wanted: str, disk_gib: int | None) -> bool:
    """Whether a machine's own disks (GiB) are what ``nvme:1000`` or ``ssd:100+`` asks for (GB): about, or at least."""
    amount = wanted.rpartition(":")[2]
    asked = int(amount.rstrip("+")) * _GIB_IN_GB
    if not disk_gib:
        return False
    return disk_gib >= asked * (1 - _ABOUT) and (amount.endswith("+") or disk_gib <= asked * (1 + _ABOUT))


def _enough(wanted: Amount | None, has: float, divisible: bool) -> bool:
    if wanted is None:
        return True
    return has >= wanted.value if wanted.at_least or divisible else has == wanted.value


def _has(offer: Offer, wanted: Accelerator, *, divisible: bool) -> bool:
    return any(
        device.count >= wanted.count if divisible else device.count == wanted.count
        for device in offer.accelerators
        if satisfies(wanted, device)
    )


def _devices(accelerators: Iterable[Accelerator]) -> str:
    return devices(accelerators) or "no accelerator"
