"""Write the first snapshot of what Google Cloud sells: ``python -m scripts.snapshots.gcp SITE_PACKAGES TYPES``.

SITE_PACKAGES is the folder of an environment of its own that has apache-libcloud 3.9.1, whose data are read; TYPES is
the file gcp-machine-types-by-zone.csv. Everything else is in facts/, with its source. Needs styx-core and styx-gcp.

What a machine costs is the sum of what its vCPUs, its memory and its GPUs cost, so two sizes of a family tell what all
others cost; or one, where all have as much memory for each vCPU, or where it is known how the price divides: that is
the same everywhere, on demand and as spot. What Google asks for H100 in a region is the multiple of what it asks for
the rest of the machine.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from scripts.snapshots.shipping import amount, facts, pairs, price_list, ship

from styx.api import ANYWHERE, INTERNET, Accelerator, CatalogEntry, CatalogType, Source, TransferPrice
from styx_gcp.machines import GPUS, family, plain, with_gpus
from styx_gcp.prices import cores

HOME = "us-central1"
# The sizes that tell the others, with their vCPUs and GiB.
ONE = {"c2": ("c2-standard-16", 16, 64), "t2d": ("t2d-standard-8", 8, 32)}
TWO = {
    "n1": (("n1-standard-32", 32, 120), ("n1-highmem-96", 96, 624)),
    "n2": (("n2-highcpu-16", 16, 16), ("n2-standard-64", 64, 256)),
}
DIVIDED = {"e2": ("e2-standard-8", 8, 32), "n2d": ("n2d-highcpu-8", 8, 8)}  # as apache-libcloud says
SCALED = ("H100", "H100-MEGA")
CONTRADICTED = {("H100", "europe-west4"), ("H100-MEGA", "europe-west4")}
CLOSED = {"europe-west5", "us-central2", "us-east2", "us-east7"}  # regions that are not open to everybody
TRANSFER = (
    TransferPrice(ANYWHERE, ANYWHERE, Decimal("0.02"), "transfer"),
    TransferPrice(ANYWHERE, INTERNET, Decimal("0.12"), "transfer"),
)
DIGITS = 6


class Price(NamedTuple):
    """On demand and as spot, and the source that has them."""

    hourly: Decimal | None = None
    spot: Decimal | None = None
    source: str = "skypilot"

    def __mul__(self, number: Any) -> Price:
        return self._replace(hourly=_times(self.hourly, number), spot=_times(self.spot, number))

    def plus(self, other: Price) -> Price:
        """The price of both; not known where that of either is not."""
        source = "scaled" if "scaled" in (self.source, other.source) else self.source
        return Price(_sum(self.hourly, other.hourly), _sum(self.spot, other.spot), source)


Table = dict[str, dict[str, Price]]  # by name and region


def _times(price: Decimal | None, number: Any) -> Decimal | None:
    return None if price is None else price * Decimal(number)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def known() -> tuple[Table, dict[str, dict[str, list[str]]]]:
    """The prices that were taken down, and the zones of those that not all zones of a region have."""
    prices: Table = {}
    zones: dict[str, dict[str, list[str]]] = {}
    for name, *several in facts("gcp-prices.txt"):
        for place, told in pairs(several):
            region, _, letters = place.partition(":")
            hourly, spot = (amount(each) for each in told.split("/"))
            prices.setdefault(name, {})[region] = Price(hourly, spot)
            if letters:
                zones.setdefault(name, {})[region] = [f"{region}-{letter}" for letter in letters]
    return prices, zones


def by_parts(table: Mapping[str, Any], prices: Table, series: str, region: str) -> tuple[Price, Price] | None:
    """What a vCPU and a GiB cost; None where that is not known."""
    if series in TWO:
        (one, vcpus, memory), (other, more_vcpus, more_memory) = TWO[series]
        if region not in prices[one]:
            return None
        factor = Decimal(more_vcpus) / vcpus
        gib = (prices[one][region] * -factor).plus(prices[other][region]) * (1 / (more_memory - memory * factor))
        return prices[one][region].plus(gib * -memory) * (1 / Decimal(vcpus)), gib
    cpu, ram = (table[series][part]["on_demand"] if series in table else {} for part in ("cpu", "ram"))
    if series in DIVIDED:
        name, vcpus, memory = DIVIDED[series]
        shares = [Decimal(str(each[HOME]["price"])) for each in (cpu, ram)]
        whole = prices[name].get(region, Price()) * (1 / (shares[0] * vcpus + shares[1] * memory))
        return whole * shares[0], whole * shares[1]
    if series == "m1" and region in cpu:
        hourly = [Decimal(str(each[region]["price"])) for each in (cpu, ram)]
        return Price(hourly[0], None, "libcloud"), Price(hourly[1], None, "libcloud")
    return None


def over(prices: Mapping[str, Price], region: str, home: str) -> Decimal:
    """By what a price at home is multiplied in a region."""
    return Decimal(prices[region].hourly or 0) / Decimal(prices[home].hourly or 1)


def cpu_price(machine: CatalogType, region: str, prices: Table, table: Mapping[str, Any]) -> Price:
    """Of a machine without GPUs."""
    series = family(machine)
    if series in ONE:
        size, vcpus, _ = ONE[series]
        return prices[size].get(region, Price()) * (Decimal(machine.vcpus) / vcpus)
    if series in {"f1", "g1"}:
        told = table[series]["cpu"]["on_demand"].get(region, {}).get("price")
        return Price(Decimal(str(told)) if told else None, None, "libcloud")
    parts = by_parts(table, prices, series, region)
    if parts is None:
        return Price()
    return (parts[0] * cores(machine)).plus(parts[1] * Decimal(repr(machine.memory_gib)))


def devices(prices: Table) -> Table:
    """The prices of GPUs; those of H100 that are missing from us-east4's and the multiple of the machine around."""
    found = {name: dict(prices[name]) for name in (name for name, _ in GPUS.values()) if name in prices}
    for name, series in zip(SCALED, ("a3-highgpu-8g", "a3-megagpu-8g"), strict=True):
        machine = prices[series]
        for region, price in found[name].items():
            if price.hourly is None and region in machine and (name, region) not in CONTRADICTED:
                hourly = _times(found[name]["us-east4"].hourly, over(machine, region, "us-east4"))
                found[name][region] = Price(hourly, price.spot, "scaled")
    return found


def accelerated(prices: Table, zones: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[CatalogEntry]:
    """Types that have GPUs by themselves."""
    gpus = devices(prices)
    exact = {(name, region): Price(Decimal(price), None, "list") for name, region, price in facts("gcp-list.txt")}
    for name, vcpus, memory, device, count, device_memory, disk, series in facts("gcp-types.txt"):
        machine = replace(
            plain(name, int(vcpus), float(memory), shared=False),
            accelerator=Accelerator(device, int(count), int(device_memory)), disk_gib=int(disk),
        )  # fmt: skip
        whole = [int(part) for part in series.replace("g", "").split("-") if part.isdigit()][-1]
        share = Decimal(name.rpartition("-")[2].removesuffix("g")) / whole
        for region, where in zones[series].items():
            around = Price(Decimal(0), Decimal(0)) if series.startswith("a4-") else prices[series][region] * share
            price = around.plus(gpus[device].get(region, Price()) * int(count))
            told = exact.get((name, region))
            if told:
                price = Price(told.hourly, price.spot, "list+skypilot")
            yield sold(machine, region, where, price, "skypilot")


def cpu_only(path: Path) -> Iterator[tuple[CatalogType, dict[str, list[str]]]]:
    """Types without GPUs, with the zones that have them in each region; those that are withdrawn are left out."""
    found: dict[str, tuple[CatalogType, dict[str, list[str]]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            name, region = row["NAME"], row["ZONE"].rpartition("-")[0]
            if row["DEPRECATED"] or name.startswith(("a2-", "g2-")) or region in CLOSED:
                continue
            shared = row["SHARED_CPU"] == "True"
            machine = plain(name, int(row["CPUS"]), float(row["MEMORY_GB"]), shared=shared)
            found.setdefault(name, (machine, {}))[1].setdefault(region, []).append(row["ZONE"])
    yield from (found[name] for name in sorted(found))


def entries(packages: Path, types: Path) -> Iterator[CatalogEntry]:
    """Everything."""
    prices, zones = known()
    table: Mapping[str, Any] = price_list(packages, "gce_instances")  # of vCPUs and of memory, by region
    yield from accelerated(prices, zones)
    for machine, places in cpu_only(types):
        for region, where in places.items():
            price = cpu_price(machine, region, prices, table)
            yield sold(machine, region, where, price, "types")
            for device, memory in GPUS.values():
                both = sorted({*where} & {*zones.get(device, {}).get(region, ())})
                for more in with_gpus(machine, device, memory, 8) if both else ():
                    assert more.accelerator
                    total = price.plus(prices[device][region] * int(more.accelerator.count))
                    yield sold(more, region, both, total, "types")


def sold(machine: CatalogType, region: str, zones: Sequence[str], price: Price, kind: str) -> CatalogEntry:
    """A type at its price."""
    hourly, spot = (None if each is None else round(each, DIGITS) for each in (price.hourly, price.spot))
    source = price.source if hourly or spot else kind
    return machine.sold(region, source, zones=zones, hourly=hourly, spot=spot, type_source=kind)


def sources() -> Mapping[str, Source]:
    """Where the facts come from."""
    apache, july = "Apache-2.0", date(2026, 7, 9)
    skypilot = "skypilot-org/skypilot-catalog, catalogs/v9/gcp/vms.csv at commit 2c3d7ea7d76b"
    price_list = "Google Cloud, price list of accelerator-optimized machine types, as public repositories quote it"
    table = {
        "types": (
            "machine types without GPUs and their zones",
            "Cyclenerd/google-cloud-pricing-cost-calculator, machine types by zone", date(2026, 8, 20), apache,
        ),
        "skypilot": (
            "types with GPUs, their zones and prices, and prices of C2, E2, N1, N2, N2D and T2D; without local disks",
            f"worked out from a size or two of each family and the price of a GPU in {skypilot}", july, apache,
        ),
        "libcloud": (
            "on-demand prices of M1, f1 and g1; the package has had them unchanged since that day",
            "apache-libcloud 3.3.1 to 3.9.1, pricing.json", date(2020, 8, 30), apache,
        ),
        "scaled": (
            "types with H100; on demand, us-east4's prices times the multiple of the machine around; no local disks",
            f"worked out from {skypilot}", july, apache,
        ),
        "list+skypilot": (
            f"on-demand prices in Iowa, with local disks; spot prices of the source skypilot, of {july}",
            f"{price_list}; {skypilot}", date(2026, 9, 1), "",
        ),
        "transfer": (
            "data leaving a region: the most asked within a continent, and to the internet on the premium network",
            "brainagents.ai, GCP network egress and cross-region costs, as it was stored then", date(2026, 11, 30), "",
        ),
    }  # fmt: skip
    return {name: Source(*each) for name, each in table.items()}


if __name__ == "__main__":
    ship("gcp", date(2026, 8, 20), sources(), entries(Path(sys.argv[1]), Path(sys.argv[2])), TRANSFER)
