"""Which offers satisfy a task, cheapest first, and for each that does not the one requirement that ruled it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, auto
from typing import NamedTuple

from styx.api.offers import DIVISIBLE, Accelerator, Offer, OfferQuery
from styx.config import DEFAULT_ACCOUNT
from styx.spec.devices import satisfies, wants_memory
from styx.spec.model import Alternative, Amount, ResourcesSpec


class Lot(NamedTuple):
    """An offer, and the account of its cloud that it was made to."""

    offer: Offer
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True, slots=True)
class Choice:
    """One offer that would do, for one of the task's alternatives. ``hourly_cost`` is USD per hour for all nodes."""

    offer: Offer
    alternative: Alternative
    hourly_cost: Decimal | None
    account: str = DEFAULT_ACCOUNT

    @property
    def source(self) -> str:
        """The cloud, and the account where it has a name, for people."""
        return label(self.offer.cloud, self.account)


class Rule(IntEnum):
    """What an offer is tried on, in this order: the later the one it fails, the closer it came."""

    CLOUD = auto()
    REGION = auto()
    ZONE = auto()
    INSTANCE_TYPE = auto()
    SIZE = auto()
    ACCELERATORS = auto()
    PRICE = auto()
    AVAILABLE = auto()


class Miss(NamedTuple):
    """The first requirement that an offer fails: the rule, what was wanted by it (a name), and the whole sentence."""

    rule: Rule
    wanted: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """One offer that would not do, and the one requirement that ruled it out; ``miss`` where that is one of ours."""

    offer: Offer
    reason: str
    miss: Miss | None = None
    account: str = DEFAULT_ACCOUNT

    @property
    def source(self) -> str:
        """The cloud, and the account where it has a name, for people."""
        return label(self.offer.cloud, self.account)


def label(cloud: str, account: str) -> str:
    """A cloud and one of its accounts, for people; the name of an only account says nothing."""
    return cloud if account in ("", DEFAULT_ACCOUNT) else f"{cloud} ({account})"


def query_for(alternative: Alternative, num_nodes: int) -> OfferQuery:
    """The question to ask a cloud: never narrower than what :func:`why_not` accepts."""
    cpus, memory = alternative.cpus, alternative.memory
    return OfferQuery(
        vcpus=cpus.value if cpus else None,
        memory_gib=memory.value if memory and not memory.per_cpu else None,
        accelerators=tuple(device for device in alternative.accelerators if not wants_memory(device)),
        instance_type=alternative.instance_type,
        region=alternative.infra.region,
        zone=alternative.infra.zone,
        spot=alternative.use_spot,
        num_nodes=num_nodes,
        named=alternative.infra.cloud is not None,
    )


def rank(
    resources: ResourcesSpec, lots: Sequence[Iterable[Lot]], num_nodes: int
) -> tuple[list[Choice], list[Rejection]]:
    """Split the offers found for each alternative into choices, best first, and rejections.

    ``lots`` holds one collection per alternative, in the same order. Ordered alternatives keep their order and are
    sorted by price within; otherwise price decides alone. Ties go by cloud, account, place and type, so the result is
    stable.
    """
    choices: list[tuple[tuple[object, ...], Choice]] = []
    rejections: list[Rejection] = []
    for position, (alternative, found) in enumerate(zip(resources.alternatives, lots, strict=True)):
        for offer, account in found:
            miss = first_miss(alternative, offer, num_nodes)
            if miss is not None:
                rejections.append(Rejection(offer, miss.reason, miss, account))
                continue
            price = offer.price(spot=alternative.use_spot)
            choice = Choice(offer, alternative, None if price is None else price * num_nodes, account)
            key = (
                position if resources.ordered else 0,
                price is None,
                price or Decimal(0),
                offer.cloud,
                account,
                offer.scope.name,
                offer.zone or "",
                offer.vcpus,
                offer.instance_type,
            )
            choices.append((key, choice))
    choices.sort(key=lambda pair: pair[0])
    return [choice for _, choice in choices], rejections


def why_not(alternative: Alternative, offer: Offer, num_nodes: int) -> str | None:
    """None when the offer satisfies the alternative, else the first requirement that it misses."""
    miss = first_miss(alternative, offer, num_nodes)
    return None if miss is None else miss.reason


def first_miss(alternative: Alternative, offer: Offer, num_nodes: int) -> Miss | None:
    """See :func:`why_not`."""
    for judge in (_place, _machine, _deal):
        miss = judge(alternative, offer, num_nodes)
        if miss is not None:
            return miss
    return None


def _place(alternative: Alternative, offer: Offer, num_nodes: int) -> Miss | None:
    del num_nodes
    infra = alternative.infra
    if infra.cloud not in (None, offer.cloud):
        return Miss(Rule.CLOUD, infra.cloud, f"not on {infra.cloud}")
    if infra.region not in (None, offer.region):
        return Miss(Rule.REGION, infra.region, f"region {offer.region or '-'}, wanted {infra.region}")
    if infra.zone not in (None, offer.zone):
        return Miss(Rule.ZONE, infra.zone, f"zone {offer.zone or '-'}, wanted {infra.zone}")
    return None


def _machine(alternative: Alternative, offer: Offer, num_nodes: int) -> Miss | None:
    del num_nodes
    divisible, kind = DIVISIBLE in offer.capabilities, alternative.instance_type
    if kind not in (None, offer.instance_type):
        return Miss(Rule.INSTANCE_TYPE, kind, f"instance type {offer.instance_type}, wanted {kind}")
    if not _enough(alternative.cpus, offer.vcpus, divisible):
        return Miss(Rule.SIZE, "", f"{offer.vcpus:g} vCPUs, wanted {alternative.cpus}")
    if not _enough(_memory(alternative.memory, offer.vcpus), offer.memory_gib, divisible):
        return Miss(Rule.SIZE, "", f"{offer.memory_gib:g} GiB of memory, wanted {alternative.memory}")
    for wanted in alternative.accelerators:
        if not _has(offer, wanted, divisible=divisible):
            reason = f"{_devices(offer.accelerators)}, wanted {_devices((wanted,))}"
            return Miss(Rule.ACCELERATORS, wanted.name, reason)
    return None


def _deal(alternative: Alternative, offer: Offer, num_nodes: int) -> Miss | None:
    if alternative.use_spot and offer.spot_hourly_price is None:
        return Miss(Rule.PRICE, "", "not sold as spot")
    price, most = offer.price(spot=alternative.use_spot), alternative.max_hourly_cost
    if most is not None and price is not None and price > Decimal(str(most)):
        return Miss(Rule.PRICE, "", f"${price}/h, wanted at most ${most:g}")
    if offer.available is not None and offer.available < num_nodes:
        return Miss(Rule.AVAILABLE, "", f"{offer.available} free, wanted {num_nodes}")
    return None


def _enough(wanted: Amount | None, has: float, divisible: bool) -> bool:
    if wanted is None:
        return True
    return has >= wanted.value if wanted.at_least or divisible else has == wanted.value


def _memory(wanted: Amount | None, vcpus: float) -> Amount | None:
    if wanted is None or not wanted.per_cpu:
        return wanted
    return Amount(wanted.value * vcpus, at_least=True)


def _has(offer: Offer, wanted: Accelerator, *, divisible: bool) -> bool:
    return any(
        device.count >= wanted.count if divisible else device.count == wanted.count
        for device in offer.accelerators
        if satisfies(wanted, device)
    )


def _devices(devices: Iterable[Accelerator]) -> str:
    return ", ".join(f"{device.count:g}x {device.name}" for device in devices) or "no accelerator"
