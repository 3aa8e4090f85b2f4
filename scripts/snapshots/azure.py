"""Write the first snapshot of what Azure sells: ``python -m scripts.snapshots.azure SITE_PACKAGES``.

SITE_PACKAGES is the folder of an environment of its own that has apache-libcloud 3.9.1, whose data are read. Everything
else is in facts/, with its source. Needs styx-core and styx-azure installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

from scripts.snapshots.shipping import amount, facts, pairs, price_list, ship

from styx.api import Accelerator, CatalogEntry, CatalogType, Source
from styx_azure.machines import capabilities

# Regions of governments, and two that were closed.
CLOSED = ("usgov", "germanycentral", "germanynortheast")
ARM = "ps_v5"


def plain() -> Iterator[CatalogType]:
    """Sizes without GPUs that the price list has."""
    for name, first, *sizes in facts("azure-families.txt"):
        if "{}" not in name:
            (memory,) = sizes
            yield size(name, float(first), float(memory))
            continue
        for each in sizes:
            vcpus, _, memory = each.partition("=")
            yield size(name.format(vcpus), float(vcpus), float(memory or float(first) * float(vcpus)))


def size(name: str, vcpus: float, memory: float, accelerator: Accelerator | None = None) -> CatalogType:
    """A size; nothing is known of its temporary disk."""
    arch = "arm64" if name.endswith(ARM) else "x86_64"
    return CatalogType(name, vcpus, memory, arch, accelerator, None, capabilities(name))


def accelerated() -> Iterator[CatalogType]:
    """The sizes that were taken down one by one."""
    for name, vcpus, memory, device, count, device_memory in facts("azure-sizes.txt"):
        gpu = None if device == "-" else Accelerator(device.replace("_", " "), float(count), int(device_memory))
        yield size(name, float(vcpus), float(memory), gpu)


def entries(packages: Path) -> Iterator[CatalogEntry]:
    """Everything, the most recent figure for each price."""
    # By size, written without capitals and underscores, and region.
    older: Mapping[str, Mapping[str, float]] = price_list(packages, "azure_linux")
    recent = {
        (name, region): tuple(amount(each) for each in told.split("/"))
        for name, *several in facts("azure-us.txt")
        for region, told in pairs(several)
    }
    for kind, machines in (("skypilot", accelerated()), ("sizes", plain())):
        for each in machines:
            prices = older.get(each.instance_type.replace("_", "").lower(), {})
            there = {region for region in prices if not region.startswith(CLOSED)}
            there |= {region for name, region in recent if name == each.instance_type}
            for region in sorted(there):
                hourly, spot = recent.get((each.instance_type, region), (None, None))
                source = "skypilot" if hourly else "libcloud" if region in prices else kind
                if hourly is None and region in prices:
                    hourly = Decimal(str(prices[region]))
                yield each.sold(region, source, hourly=hourly, spot=spot, type_source=kind)


def sources() -> Mapping[str, Source]:
    """Where the facts come from."""
    table = {
        "sizes": (
            "vCPUs and memory of sizes without GPUs",
            "Microsoft, Azure documentation, sizes of virtual machines", date(2024, 8, 18), "",
        ),
        "skypilot": (
            "sizes with GPUs and a few of version 5, and their prices in the US, on demand and as spot",
            "skypilot-org/skypilot-catalog, catalogs/v6/azure/vms.csv at commit 098741e70562", date(2024, 8, 18),
            "Apache-2.0",
        ),
        "libcloud": (
            "on-demand prices; the package has had them unchanged since that day",
            "apache-libcloud 3.3.1 to 3.9.1, pricing.json", date(2020, 8, 30), "Apache-2.0",
        ),
    }  # fmt: skip
    return {name: Source(*each) for name, each in table.items()}


if __name__ == "__main__":
    ship("azure", date(2024, 8, 18), sources(), entries(Path(sys.argv[1])))
