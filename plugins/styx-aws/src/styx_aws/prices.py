"""What the AWS Price List says, as far as it is about Linux on demand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

# One product for each type and region is left by these: no licence, no dedicated host, no unused reservation.
FILTERS: Mapping[str, str] = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "operation": "RunInstances",
}


def on_demand(price_list: Iterable[str]) -> Iterable[tuple[str, Decimal]]:
    """Instance type and USD per hour of each product that can be had on demand; the others are listed for nothing."""
    for text in price_list:
        product = json.loads(text)
        name = product.get("product", {}).get("attributes", {}).get("instanceType")
        price = max(_hourly(product.get("terms", {}).get("OnDemand", {})), default=Decimal(0))
        if name and price > 0:
            yield str(name), price


def _hourly(terms: Mapping[str, Any]) -> Iterable[Decimal]:
    for term in terms.values():
        for dimension in term.get("priceDimensions", {}).values():
            if dimension.get("unit") == "Hrs":
                try:
                    yield Decimal(dimension["pricePerUnit"]["USD"])
                except (InvalidOperation, KeyError):
                    continue
