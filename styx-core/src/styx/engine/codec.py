"""Offers as a cluster's record holds them: as plain JSON data, which is read back, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from styx.api.offers import Accelerator, Offer, Scope
from styx.words import count, devices


def offer_to_data(offer: Offer) -> dict[str, Any]:
    """Everything needed to judge later whether a task fits the machine, and to show what it is."""
    return {
        "cloud": offer.cloud,
        "scope": offer.scope.name,
        "instance_type": offer.instance_type,
        "vcpus": offer.vcpus,
        "memory_gib": offer.memory_gib,
        "region": offer.region,
        "zone": offer.zone,
        "accelerators": [[a.name, a.count, a.memory_gib] for a in offer.accelerators],
        "hourly_price": _money(offer.hourly_price),
        "spot_hourly_price": _money(offer.spot_hourly_price),
        "arch": offer.arch,
        "disk_gib": offer.disk_gib,
        "capabilities": sorted(offer.capabilities),
        "data": dict(offer.data),
    }


def offer_in_words(offer: Offer) -> str:
    """The machine for people: ``1x A100, 12 CPUs, 85 GiB``. Empty when nothing is known of it."""
    size = f"{count(offer.vcpus, 'CPU')}, {offer.memory_gib:g} GiB" if offer.vcpus else ""
    return ", ".join(part for part in (devices(offer.accelerators), size) if part)


def offer_from_data(data: Mapping[str, Any]) -> Offer:
    """The offer :func:`offer_to_data` wrote."""
    return Offer(
        cloud=data["cloud"],
        scope=Scope(data["scope"]),
        instance_type=data["instance_type"],
        vcpus=data["vcpus"],
        memory_gib=data["memory_gib"],
        region=data["region"],
        zone=data["zone"],
        accelerators=tuple(Accelerator(*device) for device in data["accelerators"]),
        hourly_price=_decimal(data["hourly_price"]),
        spot_hourly_price=_decimal(data["spot_hourly_price"]),
        arch=data["arch"],
        disk_gib=data["disk_gib"],
        capabilities=frozenset(data["capabilities"]),
        data=data["data"],
    )


def _money(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
