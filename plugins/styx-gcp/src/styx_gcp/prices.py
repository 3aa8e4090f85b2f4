"""What the Cloud Billing Catalog says, as far as it is about vCPUs, memory, GPUs and local disks by the hour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from styx.api import CatalogType
from styx_gcp.machines import family

# What is before "Core" and "Ram" in the description of a SKU.
FAMILIES: Mapping[str, str] = {
    "A2 Instance": "a2", "A3 Instance": "a3", "A3Plus Instance": "a3-mega", "A3Ultra Instance": "a3-ultra",
    "C2D AMD Instance": "c2d", "C3 Instance": "c3", "C3D Instance": "c3d", "C4 Instance": "c4",
    "C4A Arm Instance": "c4a", "C4D Instance": "c4d", "Compute optimized": "c2", "Compute optimized Instance": "c2",
    "E2 Instance": "e2", "G2 Instance": "g2", "G4 Instance": "g4", "H3 Instance": "h3", "H4D Instance": "h4d",
    "M3 Memory-optimized Instance": "m3", "Memory-optimized Instance": "m1", "N1 Predefined Instance": "n1",
    "N2 Instance": "n2", "N2D AMD Instance": "n2d", "N4 Instance": "n4", "N4A Instance": "n4a", "N4D Instance": "n4d",
    "T2A Arm Instance": "t2a", "T2D AMD Instance": "t2d", "Z3 Instance": "z3",
}  # fmt: skip
GPUS: Mapping[str, str] = {
    "A4 Nvidia B200 (1 gpu slice)": "B200", "H200 141GB GPU": "H200", "Nvidia H100 80GB GPU": "H100",
    "Nvidia H100 80GB Mega GPU": "H100-MEGA", "Nvidia H100 80GB Plus GPU": "H100-MEGA", "Nvidia L4 GPU": "L4",
    "Nvidia Tesla A100 80GB GPU": "A100-80GB", "Nvidia Tesla A100 GPU": "A100", "Nvidia Tesla K80 GPU": "K80",
    "Nvidia Tesla P100 GPU": "P100", "Nvidia Tesla P4 GPU": "P4", "Nvidia Tesla T4 GPU": "T4",
    "Nvidia Tesla V100 GPU": "V100", "RTX 6000 96GB": "RTXPRO6000",
}  # fmt: skip
WHOLE: Mapping[str, str] = {  # types that have a price as such
    "Micro Instance with burstable CPU": "f1-micro", "Small Instance with 1 VCPU": "g1-small",
}  # fmt: skip
# Of two vCPUs these have so many to pay for.
_SHARES = {"e2-micro": Decimal("0.25"), "e2-small": Decimal("0.5"), "e2-medium": Decimal(1)}
_BUNDLED = frozenset({"a4"})  # the price of a GPU is that of its part of the machine
_LOCAL_SSD, _DISK = "SSD backed Local Storage", "disk"
# Reservations, sole tenants, custom machines and future uses have other words before "running in".
_DESCRIPTION = re.compile(
    r"(?P<spot>Spot Preemptible )?(?P<what>.+?)(?P<attached> attached to Spot Preemptible VMs)? (?:running )?in .+"
)
_HOURS_A_MONTH = Decimal(730)
_NANO = Decimal(10) ** -9

Rates = dict[tuple[str, str, bool], Decimal]  # by what, region and whether it is spot


def rates(skus: Iterable[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str, bool], Decimal]]:
    """What is paid per hour for each thing in each region. What is free of charge is listed for nothing."""
    for sku in skus:
        what, spot = _named(str(sku.get("description", "")))
        if what is None or sku.get("category", {}).get("usageType") not in {"OnDemand", "Preemptible"}:
            continue
        price = _price(sku)
        if price:
            yield from (((what, str(region), spot), price) for region in sku.get("serviceRegions", ()))


def total(machine: CatalogType, region: str, rates: Rates, *, spot: bool) -> Decimal | None:
    """What a machine costs per hour; None where the price of any part of it is not known."""
    parts = dict(_parts(machine))
    if not all((what, region, spot) in rates for what in parts):
        return None
    return sum((rates[what, region, spot] * number for what, number in parts.items()), Decimal(0)) or None


def _parts(machine: CatalogType) -> Iterator[tuple[str, Decimal]]:
    name = machine.instance_type
    if name in WHOLE.values():
        yield name, Decimal(1)
        return
    if family(machine) not in _BUNDLED:
        series = "-".join(name.split("-")[:2]).removesuffix("gpu")
        series = series if series in FAMILIES.values() else family(machine)
        yield f"{series} Core", cores(machine)
        yield f"{series} Ram", Decimal(repr(machine.memory_gib))
    if machine.accelerator:
        yield machine.accelerator.name, Decimal(machine.accelerator.count)
    if machine.disk_gib is None:
        yield "disks of unknown size", Decimal(1)
    elif machine.disk_gib:
        yield _DISK, Decimal(machine.disk_gib)


def cores(machine: CatalogType) -> Decimal:
    """The vCPUs that are to be paid for."""
    return _SHARES.get(machine.instance_type) or Decimal(machine.vcpus)


def _named(description: str) -> tuple[str | None, bool]:
    """What a SKU is the price of, and whether it is spot: Google's own word for that is now and then wrong."""
    if description == _LOCAL_SSD:
        return _DISK, False
    found = _DESCRIPTION.fullmatch(description)
    if found is None:
        return (_DISK, True) if description == f"{_LOCAL_SSD} attached to Spot Preemptible VMs" else (None, False)
    what, spot = found["what"], bool(found["spot"] or found["attached"])
    if what == _LOCAL_SSD:
        return _DISK, spot
    if what in GPUS or what in WHOLE:
        return GPUS.get(what) or WHOLE[what], spot
    series, _, part = what.rpartition(" ")
    return (f"{FAMILIES[series]} {part}" if series in FAMILIES and part in {"Core", "Ram"} else None), spot


def _price(sku: Mapping[str, Any]) -> Decimal | None:
    """The last rate: the first may be a free tier. Per hour, whatever the unit."""
    try:
        expression = sku["pricingInfo"][0]["pricingExpression"]
        price = expression["tieredRates"][-1]["unitPrice"]
        amount = Decimal(str(price.get("units") or 0)) + int(price.get("nanos") or 0) * _NANO
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError):
        return None
    if price.get("currencyCode", "USD") != "USD":
        return None
    return amount / _HOURS_A_MONTH if str(expression.get("usageUnit", "")).endswith("mo") else amount
