"""What the cloud in memory sells."""

from __future__ import annotations

from decimal import Decimal

from styx.api import Accelerator, Offer, OfferQuery, Scope

CLOUD = "memory"


def _offer(
    place: str, kind: str, vcpus: int, memory: int, price: str, accelerators: tuple[Accelerator, ...] = ()
) -> Offer:
    return Offer(
        cloud=CLOUD, scope=Scope(place), region=place, zone=f"{place}-a", instance_type=kind, vcpus=vcpus,
        memory_gib=memory, accelerators=accelerators, hourly_price=Decimal(price), spot_hourly_price=Decimal(price) / 4,
        disk_gib=50,
    )  # fmt: skip


def default_offers() -> tuple[Offer, ...]:
    """Three machines in each of two places; the second place costs a little more."""
    a100 = (Accelerator("A100", 1, 40),)
    return tuple(
        offer
        for place, more in (("east", "0"), ("west", "5"))
        for offer in (
            _offer(place, "small", 8, 32, f"0.1{more}"),
            _offer(place, "large", 16, 64, f"0.8{more}"),
            _offer(place, "gpu", 12, 85, f"2.0{more}", a100),
        )
    )


def fits(offer: Offer, query: OfferQuery) -> bool:
    """Whether one machine of this offer is what ``query`` asks for."""
    if query.spot and offer.spot_hourly_price is None:
        return False
    for wanted, given in (
        (query.instance_type, offer.instance_type), (query.region, offer.region), (query.zone, offer.zone),
    ):  # fmt: skip
        if wanted is not None and wanted != given:
            return False
    return (
        offer.vcpus >= (query.vcpus or 0)
        and offer.memory_gib >= (query.memory_gib or 0)
        and all(
            any(
                device.name.lower() == wanted.name.lower()
                and device.count >= wanted.count
                and device.memory_gib >= wanted.memory_gib
                for device in offer.accelerators
            )
            for wanted in query.accelerators
        )
    )
