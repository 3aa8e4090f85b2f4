"""A few offers of AWS', for those who need some without a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from styx.api import Offer, OfferQuery, Scope
from styx.testing.memory.catalog import fits

ZONES = ("us-east-1a", "us-east-1b", "eu-west-1a")
_TYPES = (("t3.micro", 2, 1, "0.0104", "0.0031"), ("t3.small", 2, 2, "0.0208", "0.0062"))


class Shelf:
    """Two types in three zones of two regions, the first zone cheapest. See ``OfferSource`` of ``styx.api``."""

    def __init__(self, zones: Sequence[str] = ZONES) -> None:
        self._offers = [
            Offer(
                cloud="aws", scope=Scope(zone[:-1]), region=zone[:-1], zone=zone, instance_type=name, vcpus=vcpus,
                memory_gib=memory, hourly_price=Decimal(price) + place * Decimal("0.0001"),
                spot_hourly_price=Decimal(spot) + place * Decimal("0.0001"),
            )
            for place, zone in enumerate(zones) for name, vcpus, memory, price, spot in _TYPES
        ]  # fmt: skip

    def offers(self, query: OfferQuery) -> Sequence[Offer]:
        """Those that fit."""
        return [offer for offer in self._offers if fits(offer, query)]
