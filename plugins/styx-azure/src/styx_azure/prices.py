"""What the Azure Retail Prices API says, as far as it is about Linux by the hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

# Of the same size there are prices with Windows, for Cloud Services, and of a low priority that only Batch sells.
_OTHER_PRODUCTS = ("Windows", "Cloud Services", "CloudServices")
_OTHER_SKUS = ("Low Priority", "Expired")
_SPOT = "Spot"


def hourly(items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, bool], Decimal]]:
    """USD per hour of each size, and whether it is as spot; what is free of charge is listed for nothing."""
    for item in items:
        name, sku = str(item.get("armSkuName") or ""), str(item.get("skuName") or "")
        product = str(item.get("productName") or "")
        if not name or item.get("type", "Consumption") != "Consumption" or item.get("unitOfMeasure") != "1 Hour":
            continue
        if any(word in product for word in _OTHER_PRODUCTS) or any(word in sku for word in _OTHER_SKUS):
            continue
        try:
            price = Decimal(str(item["retailPrice"]))
        except (InvalidOperation, KeyError):
            continue
        if price > 0 and item.get("currencyCode", "USD") == "USD":
            yield (name, _SPOT in sku), price
