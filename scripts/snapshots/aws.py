"""Write the first snapshot of what AWS sells: ``python -m scripts.snapshots.aws SITE_PACKAGES``.

SITE_PACKAGES is the folder of an environment of its own that has moto 5.2.5 and apache-libcloud 3.9.1; their data are
read, their code is not run. Everything else is in facts/, with its source. Needs styx-core and styx-aws installed.

apache-libcloud's prices are of several tenancies mixed together: some are those of dedicated machines, which are 6 or
10 % higher, some are 0. What AWS asks for in a region is one multiple of us-east-1's price for all sizes of a family,
so the multiple tells them apart; see :func:`multiples`. Between the days of the two price lists, of the families that
this can be told of none changed its price in us-east-1.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from scripts.snapshots.shipping import amount, facts, pairs, price_list, ship

from styx.api import ANYWHERE, INTERNET, Accelerator, CatalogEntry, CatalogType, Source, TransferPrice
from styx_aws.machines import machine

HOME = "us-east-1"
ALIKE = Decimal("0.003")  # sizes of a family may differ by so much in their multiple, for prices are rounded
DEDICATED = ((Decimal("1.05"), Decimal("1.075")), (Decimal("1.09"), Decimal("1.11")))
TRANSFER = (
    TransferPrice(ANYWHERE, ANYWHERE, Decimal("0.02"), "transfer"),
    TransferPrice(ANYWHERE, INTERNET, Decimal("0.09"), "transfer"),
)
WITNESSES = 3  # sizes that agree
OTHER_TYPES = "aws-other-types.txt"

Prices = dict[str, Decimal]


def unpacked(path: Path) -> Any:
    """The content of a compressed JSON file."""
    return json.loads(gzip.decompress(path.read_bytes()))


def family_of(name: str) -> str:
    """``c5`` of ``c5.large``."""
    return name.partition(".")[0]


def at_home() -> Prices:
    """On-demand prices in us-east-1."""
    found = {
        f"{family}.{size}": Decimal(price)
        for family, *sizes in facts("aws-on-demand-us-east-1.txt")
        for size, price in pairs(sizes)
    }
    shared = {name: price for name, price in found.items() if ".metal" not in name}
    return shared | bare_metal(shared, found)


def bare_metal(shared: Prices, told: Prices) -> Prices:
    """The prices of bare metal that are not those of dedicated machines: a shared one costs as much, or half of it."""
    family: dict[str, list[Decimal]] = {}
    for name, price in shared.items():
        family.setdefault(family_of(name), []).extend((price, 2 * price))
    return {
        name: price
        for name, price in told.items()
        if ".metal" in name and any(abs(price / each - 1) <= ALIKE for each in family.get(family_of(name), ()))
    }


def multiples(home: Prices, away: Prices) -> dict[str, Decimal]:
    """By what the prices at home are multiplied in another region, for each family for which it is sure.

    The lowest multiple is that of shared machines if a higher one is just as much higher as dedicated machines are, if
    enough sizes agree, or if it is 1.
    """
    seen: dict[str, list[Decimal]] = {}
    for name, price in away.items():
        if name in home and ".metal" not in name:
            seen.setdefault(family_of(name), []).append(price / home[name])
    found = {}
    for family, several in seen.items():
        least = min(several)
        alike = sorted(each for each in several if each <= least * (1 + ALIKE))
        dedicated = any(low < each / least < high for each in several for low, high in DEDICATED)
        if dedicated or len(alike) >= WITNESSES or least == 1:
            found[family] = alike[len(alike) // 2]
    return found


def on_demand(home: Prices, away: Prices) -> dict[str, tuple[Decimal, str]]:
    """Prices in another region, each with its source."""
    found = {}
    for family, multiple in multiples(home, away).items():
        for name, price in home.items():
            if family_of(name) != family or ".metal" in name:
                continue
            told = away.get(name)
            if told and abs(told / (price * multiple) - 1) <= ALIKE:
                found[name] = told, "libcloud"
            else:
                found[name] = round(price * multiple, 5), "scaled"
    metal = bare_metal({name: price for name, (price, _) in found.items()}, away)
    return found | {name: (price, "libcloud") for name, price in metal.items()}


def by_zone(packages: Path, region: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The zones that have each type, and the name of each zone by its id, as one account sees both."""
    folder = packages / "moto/ec2/resources/instance_type_offerings"
    seen: dict[str, dict[str, set[str]]] = {}
    for kind in ("availability-zone", "availability-zone-id"):
        for each in unpacked(folder / kind / f"{region}.json.gz"):
            seen.setdefault(kind, {}).setdefault(each["Location"], set()).add(each["InstanceType"])
    zones: dict[str, list[str]] = {}
    for zone, types in sorted(seen["availability-zone"].items()):
        for name in types:
            zones.setdefault(name, []).append(zone)
    ids = seen["availability-zone-id"].items()
    names = {each: zone for zone, types in seen["availability-zone"].items() for each, same in ids if same == types}
    return zones, names


def machines(packages: Path) -> dict[str, CatalogType]:
    """All types."""
    listed = unpacked(packages / "moto/ec2/resources/instance_types.json.gz").values()
    found = {each.instance_type: each for each in map(machine, listed) if each is not None}
    for name, vcpus, memory, device, count, device_memory, disk in facts(OTHER_TYPES):
        accelerator = Accelerator(device.replace("_", " "), int(count), int(device_memory))
        gib = int(disk) * 10**9 // 2**30
        found[name] = CatalogType(name, float(vcpus), float(memory), "x86_64", accelerator, gib)
    return found


def priced_by_zone() -> dict[tuple[str, str], tuple[Decimal | None, dict[str, Decimal | None]]]:
    """On-demand price, and spot price by zone id, of types in regions."""
    return {
        (name, region): (amount(hourly), {zone: amount(spot) for zone, spot in pairs(zones)})
        for name, region, hourly, *zones in facts("aws-accelerated.txt")
    }


def entries(packages: Path) -> Iterator[CatalogEntry]:
    """Everything, the most recent figure for each price."""
    sold, home, exact = machines(packages), at_home(), priced_by_zone()
    older = {name for name, *_ in facts(OTHER_TYPES)}
    spot = {
        (name, region): amount(price) for region, *several in facts("aws-spot.txt") for name, price in pairs(several)
    }
    listed = price_list(packages, "ec2_linux")
    folder = packages / "moto/ec2/resources/instance_type_offerings/region"
    for region in sorted(path.name.removesuffix(".json.gz") for path in folder.iterdir()):
        away = {name: Decimal(str(each[region])) for name, each in listed.items() if each.get(region)}
        here = on_demand(home, away)
        if region == HOME:
            here |= {name: (price, "karpenter") for name, price in home.items()}
        zones, names = by_zone(packages, region)
        elsewhere = {name for name, where in [*exact, *spot] if where == region} - set(zones)
        for name in sorted({*zones, *elsewhere} & set(sold)):
            kind = "moto-older" if name in older else "moto"
            if (name, region) in exact:
                hourly, by_id = exact[name, region]
                spots = {names[each]: price for each, price in by_id.items()}
                for zone in sorted({*zones.get(name, ()), *spots}):
                    yield sold[name].sold(
                        region, "skypilot", zones=[zone], hourly=hourly, spot=spots.get(zone), type_source=kind
                    )
                continue
            price, source = here.get(name, (None, kind))
            if (name, region) in spot:
                source = f"{source}+feed" if price else "feed"
            yield sold[name].sold(
                region, source, zones=zones.get(name, ()), hourly=price, spot=spot.get((name, region)), type_source=kind
            )


def sources() -> Mapping[str, Source]:
    """Where the facts come from."""
    apache = "Apache-2.0"
    zones = "zones go by the names that one account has for them: in another, the same letter may be another place"
    priced = {
        "karpenter": (
            "on-demand prices in us-east-1, Linux",
            "aws/karpenter-provider-aws, zz_generated.pricing_aws.go, generated from the AWS Price List at that time",
            date(2026, 1, 19), apache,
        ),
        "libcloud": (
            "on-demand prices elsewhere, Linux; only those that are sure not to be of dedicated machines",
            "apache-libcloud 3.9.1, pricing.json", date(2025, 3, 2), apache,
        ),
        "scaled": (
            "on-demand prices that no source has: that in us-east-1 times the multiple of other sizes of the family",
            "worked out from the sources karpenter and libcloud", date(2025, 3, 2), apache,
        ),
    }  # fmt: skip
    feed = (
        "spot prices of whole regions, Linux",
        "AWS, the feed of its page of spot prices, in alexei-led/spotinfo (Apache-2.0), spot-price-data.json",
        date(2026, 8, 10), "",
    )  # fmt: skip
    both = {
        f"{name}+feed": (f"{what}; {feed[0]}, of {feed[2]}", f"{published}; {feed[1]}", day, licence)
        for name, (what, published, day, licence) in priced.items()
    }
    table = {
        "moto": (f"types and their zones; {zones}", "moto 5.2.5, ec2/resources", date(2026, 10, 27), apache),
        "moto-older": (
            "types that newer accounts may not see", "moto 5.1.0 (p3) and 5.2.0 (g4ad), ec2/resources",
            date(2026, 5, 2), apache,
        ),
        "skypilot": (
            "prices of types p3 to p6 by zone, on demand and spot, Linux",
            "skypilot-org/skypilot-catalog, catalogs/v9/aws/vms.csv at commit 2c3d7ea7d76b", date(2026, 7, 9), apache,
        ),
        "transfer": (
            "data leaving a region: the least asked between regions, and to the internet the first tier of US East",
            "finopsforge.com, Reduce AWS data transfer costs; usage.ai, AWS Data Transfer Costs Explained",
            date(2026, 6, 2), "",
        ),
        "feed": feed, **priced, **both,
    }  # fmt: skip
    return {name: Source(*each) for name, each in table.items()}


if __name__ == "__main__":
    ship("aws", date(2026, 10, 27), sources(), entries(Path(sys.argv[1])), TRANSFER)
