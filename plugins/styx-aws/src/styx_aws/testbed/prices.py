"""Prices in the words of AWS' interfaces: those of the snapshot that the plugin ships, unless others are set.

On the spot market of AWS everything has a price. Where the snapshot knows none, it is a part of the price on demand.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

_SPOT_SHARE = Decimal("0.4")


class Price(NamedTuple):
    """What a type costs in a region, in USD per hour."""

    zones: tuple[str, ...]
    on_demand: str
    spot: str


@cache
def known(region: str) -> Mapping[str, list[Price]]:
    """The snapshot's prices there, by type."""
    found: dict[str, list[Price]] = {}
    with (files("styx_aws") / "catalog" / "prices.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["region"] == region:
                price = Price(tuple(row["zones"].split()), row["hourly"], row["spot"])
                found.setdefault(row["instance_type"], []).append(price)
    return found


def products(filters: Iterable[Mapping[str, str]]) -> list[str]:
    """The members of the answer to GetProducts, for filters that name a region and perhaps a type."""
    wanted = {each["Field"]: each["Value"] for each in filters}
    listed = known(wanted.get("regionCode", "us-east-1"))
    names = [wanted["instanceType"]] if "instanceType" in wanted else listed
    return [_product(name, price.on_demand) for name in names for price in listed.get(name, ())[:1] if price.on_demand]


def _product(name: str, price: str) -> str:
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": price}}
    return json.dumps({
        "product": {"attributes": {"instanceType": name}},
        "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}},
    })  # fmt: skip


def spot_history(
    region: str, set_prices: Mapping[tuple[str, str], Decimal], types: Iterable[str], now: datetime
) -> list[dict[str, Any]]:
    """The entries of the answer to DescribeSpotPriceHistory: the newest price of each type and zone."""
    prices = {
        (name, zone): price.spot or str(Decimal(price.on_demand) * _SPOT_SHARE)
        for name, each in known(region).items() for price in each if price.spot or price.on_demand
        for zone in price.zones
    }  # fmt: skip
    prices |= {place: str(price) for place, price in set_prices.items() if place[1].startswith(region)}
    wanted = set(types)
    return [
        {
            "InstanceType": name, "AvailabilityZone": zone, "SpotPrice": price, "Timestamp": now,
            "ProductDescription": "Linux/UNIX",
        }
        for (name, zone), price in sorted(prices.items()) if not wanted or name in wanted
    ]  # fmt: skip
