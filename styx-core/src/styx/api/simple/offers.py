"""From a price list to offers."""

from __future__ import annotations

from styx.api.offers import Accelerator, Offer, OfferQuery, Scope
from styx.api.simple.machine import MachineType


def offer_of(sold: MachineType, cloud: str, scope: Scope) -> Offer:
    """One row of the price list as core knows it."""
    return Offer(
        cloud=cloud, scope=scope, instance_type=sold.name, vcpus=sold.vcpus, memory_gib=sold.memory_gib,
        region=sold.region, zone=sold.zone, accelerators=sold.accelerators, hourly_price=sold.hourly_price,
        spot_hourly_price=sold.spot_hourly_price, arch=sold.arch, disk_gib=sold.disk_gib, available=sold.available,
        capabilities=sold.capabilities, data=sold.data,
    )  # fmt: skip


def fits(offer: Offer, query: OfferQuery) -> bool:
    """Whether one machine of this offer is what ``query`` asks for; sizes are minima."""
    return (
        offer.vcpus >= (query.vcpus or 0)
        and offer.memory_gib >= (query.memory_gib or 0)
        and query.instance_type in {None, offer.instance_type}
        and query.region in {None, offer.region}
        and query.zone in {None, offer.zone}
        and (offer.spot_hourly_price is not None or not query.spot)
        and all(any(_covers(given, wanted) for given in offer.accelerators) for wanted in query.accelerators)
    )


def _covers(given: Accelerator, wanted: Accelerator) -> bool:
    return (
        given.name.casefold() == wanted.name.casefold()
        and given.count >= wanted.count
        and (not given.memory_gib or given.memory_gib >= wanted.memory_gib)
    )
