"""Which offers satisfy a task, cheapest first, and for each that does not the one requirement that ruled it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from styx.api.offers import DIVISIBLE, Accelerator, Offer, OfferQuery
from styx.spec.devices import satisfies, wants_memory
from styx.spec.model import Alternative, Amount, ResourcesSpec


@dataclass(frozen=True, slots=True)
class Choice:
    """One offer that would do, for one of the task's alternatives. ``hourly_cost`` is USD per hour for all nodes."""

    offer: Offer
    alternative: Alternative
    hourly_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One offer that would not do, and the one requirement that ruled it out."""

    offer: Offer
    reason: str


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
    )


def rank(
    resources: ResourcesSpec, offers: Sequence[Iterable[Offer]], num_nodes: int
) -> tuple[list[Choice], list[Rejection]]:
    """Split the offers found for each alternative into choices, best first, and rejections.

    ``offers`` holds one collection per alternative, in the same order. Ordered alternatives keep their order and are
    sorted by price within; otherwise price decides alone. Ties go by cloud, place and type, so the result is stable.
    """
    choices: list[tuple[tuple[object, ...], Choice]] = []
    rejections: list[Rejection] = []
    for position, (alternative, found) in enumerate(zip(resources.alternatives, offers, strict=True)):
        for offer in found:
            reason = why_not(alternative, offer, num_nodes)
            if reason:
                rejections.append(Rejection(offer, reason))
                continue
            price = offer.price(spot=alternative.use_spot)
            choice = Choice(offer, alternative, None if price is None else price * num_nodes)
            key = (
                position if resources.ordered else 0,
                price is None,
                price or Decimal(0),
                offer.cloud,
                offer.scope.name,
                offer.zone or "",
                offer.vcpus,
                offer.instance_type,
            )
            choices.append((key, choice))
    choices.sort(key=lambda pair: pair[0])
    return [choice for _, choice in choices], rejections


def why_not(alternative: Alternative, offer: Offer, num_nodes: int) -> str | None:  # noqa: PLR0911 - one line a rule
    """None when the offer satisfies the alternative, else the first requirement that it misses."""
    infra = alternative.infra
    divisible = DIVISIBLE in offer.capabilities
    if infra.cloud not in (None, offer.cloud):
        return f"not on {infra.cloud}"
    if infra.region not in (None, offer.region):
        return f"region {offer.region or '-'}, wanted {infra.region}"
    if infra.zone not in (None, offer.zone):
        return f"zone {offer.zone or '-'}, wanted {infra.zone}"
    if alternative.instance_type not in (None, offer.instance_type):
        return f"instance type {offer.instance_type}, wanted {alternative.instance_type}"
    if not _enough(alternative.cpus, offer.vcpus, divisible):
        return f"{offer.vcpus:g} vCPUs, wanted {alternative.cpus}"
    if not _enough(_memory(alternative.memory, offer.vcpus), offer.memory_gib, divisible):
        return f"{offer.memory_gib:g} GiB of memory, wanted {alternative.memory}"
    for wanted in alternative.accelerators:
        if not _has(offer, wanted, divisible=divisible):
            return f"{_devices(offer.accelerators)}, wanted {_devices((wanted,))}"
    if alternative.use_spot and offer.spot_hourly_price is None:
        return "not sold as spot"
    price = offer.price(spot=alternative.use_spot)
    if (
        alternative.max_hourly_cost is not None
        and price is not None
        and price > Decimal(str(alternative.max_hourly_cost))
    ):
        return f"${price}/h, wanted at most ${alternative.max_hourly_cost:g}"
    if offer.available is not None and offer.available < num_nodes:
        return f"{offer.available} free, wanted {num_nodes}"
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
