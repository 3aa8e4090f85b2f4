"""Rules about what is on offer."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal

from styx.api import Cloud, Offer, OfferQuery, SupportsSpot
from styx.testing.cloud.base import CloudRules
from styx.testing.driver import Driver
from styx.testing.verdict import expect, succeeds


class OfferRules(CloudRules):
    """What offers() must and must not do."""

    def test_something_is_on_offer(self, cloud: Cloud, driver: Driver, query: OfferQuery) -> None:
        """There is something to rent for the kit's query; most other tests stand on it."""
        expect(
            driver.call(lambda: list(cloud.offers(query)), what="offers()"),
            did=f"offers({query}) is empty",
            contract="a provider must not leave out what fits; an empty query matches everything",
            change="fill the catalog, or override the fixture `query` with something this account can rent",
        )

    def test_offers_name_this_cloud(self, cloud: Cloud, offers: list[Offer]) -> None:
        """Offer.cloud is the name of the cloud that makes the offer."""
        strange = sorted({str(offer.cloud) for offer in offers if offer.cloud != cloud.name})
        expect(
            not strange,
            did=f"cloud {cloud.name!r} makes offers in the name of {strange}",
            contract="Offer.cloud is the cloud's own name",
            change="use cloud=self.name",
        )

    def test_prices_are_decimals(self, offers: list[Offer]) -> None:
        """Prices are Decimal, USD per hour, not negative; None where it is not sold that way."""
        prices = [(offer.instance_type, p) for offer in offers for p in (offer.hourly_price, offer.spot_hourly_price)]
        bad = [(kind, p) for kind, p in prices if p is not None and not (isinstance(p, Decimal) and p >= 0)]
        expect(
            not bad,
            did=f"wrong prices: {bad[:5]}",
            contract="money is Decimal, in USD per hour for one node, never negative",
            change='build prices from text, as Decimal("0.10"); Decimal(0.1) and floats are not exact',
        )

    def test_sizes_are_numbers_that_exist(self, offers: list[Offer]) -> None:
        """CPUs and memory are positive and finite."""
        bad = [
            (offer.instance_type, offer.vcpus, offer.memory_gib)
            for offer in offers
            if not all(
                isinstance(n, int | float) and math.isfinite(n) and n > 0 for n in (offer.vcpus, offer.memory_gib)
            )
        ]
        expect(
            not bad,
            did=f"offers with impossible sizes (type, vcpus, GiB): {bad[:5]}",
            contract="vcpus and memory_gib are positive numbers, memory in GiB",
            change="leave out what the provider does not describe; never write 0 for unknown",
        )

    def test_offers_can_be_told_apart(self, offers: list[Offer]) -> None:
        """A scope, region, zone and instance type make one offer."""
        keys = Counter((offer.scope.name, offer.region, offer.zone, offer.instance_type) for offer in offers)
        twice = [key for key, count in keys.items() if count > 1]
        expect(
            not twice,
            did=f"offered more than once (scope, region, zone, type): {twice[:5]}",
            contract="an offer is one machine type in one place, once",
            change="merge them; if they differ in something, let the instance type say so",
        )

    def test_a_query_made_from_an_offer_finds_it(self, cloud: Cloud, offers: list[Offer], driver: Driver) -> None:
        """What fits must not be left out, and an offer fits the query that describes it."""
        for offer in sorted(offers, key=lambda offer: offer.hourly_price or 0)[:5]:
            query = OfferQuery(
                vcpus=offer.vcpus, memory_gib=offer.memory_gib, accelerators=offer.accelerators,
                instance_type=offer.instance_type, region=offer.region or None, zone=offer.zone,
            )  # fmt: skip
            found = driver.call(lambda q=query: list(cloud.offers(q)), what="offers()")  # type: ignore[misc]
            expect(
                any(
                    (o.scope, o.zone, o.instance_type) == (offer.scope, offer.zone, offer.instance_type) for o in found
                ),
                did=f"offers({query}) left out {offer.instance_type} in {offer.scope.name}, which is exactly that",
                contract="it may return more than was asked for but must not leave out what fits; sizes are minima",
                change="compare with >=, and regions, zones and types with ==",
            )

    def test_an_impossible_query_is_no_error(
        self, cloud: Cloud, offers: list[Offer], driver: Driver, impossible_query: OfferQuery
    ) -> None:
        """Nothing that fits is an answer, not an error: core asks many clouds and most do not have it."""
        del offers
        with succeeds(
            "offers() for something nobody sells",
            contract="offers() returns what fits; nothing fits is an empty answer",
            change="return an empty list",
        ):
            driver.call(lambda: list(cloud.offers(impossible_query)), what="offers()")

    def test_only_clouds_with_spot_sell_spot(self, cloud: Cloud, offers: list[Offer]) -> None:
        """A spot price is a promise that SupportsSpot keeps."""
        priced = [offer.instance_type for offer in offers if offer.spot_hourly_price is not None]
        expect(
            not priced or isinstance(cloud, SupportsSpot),
            did=f"{priced[:3]} have spot prices, and the cloud does not implement SupportsSpot",
            contract="spot_hourly_price is None where machines are not sold so",
            change="implement SupportsSpot, or leave the spot price out",
        )
