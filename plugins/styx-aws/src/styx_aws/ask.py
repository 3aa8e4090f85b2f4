"""What a refresh of the catalog asks: all there is in a region, with patience."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from styx.api import patiently
from styx_aws.prices import FILTERS, on_demand
from styx_aws.session import Session

PRICE_LIST_REGION = "us-east-1"  # it is kept in few regions, for all of them


class Aws:
    """Asks with the credentials of one profile, each page again after a while where that may help."""

    def __init__(self, profile: str = "") -> None:
        self._session = Session(profile)

    def regions(self) -> list[str]:
        """Names of the regions that are enabled for the account."""
        answer = patiently(partial(self._session.call, "ec2:DescribeRegions"))
        return sorted(region["RegionName"] for region in answer["Regions"])

    def types(self, region: str) -> Iterator[Mapping[str, Any]]:
        """Everything that EC2 says of each instance type there."""
        for page in self._pages("ec2:DescribeInstanceTypes", region, MaxResults=100):
            yield from page["InstanceTypes"]

    def zones(self, region: str) -> dict[str, set[str]]:
        """The zones in which each type is offered; no local zones, which have prices of their own."""
        own = re.compile(rf"{re.escape(region)}[a-z]")
        found: dict[str, set[str]] = {}
        asked = {"LocationType": "availability-zone", "MaxResults": 1000}
        for page in self._pages("ec2:DescribeInstanceTypeOfferings", region, **asked):
            for offering in page["InstanceTypeOfferings"]:
                if own.fullmatch(offering["Location"]):
                    found.setdefault(offering["InstanceType"], set()).add(offering["Location"])
        return found

    def spot(self, region: str, now: datetime) -> dict[tuple[str, str], Decimal]:
        """What each type costs as spot in each zone right now."""
        latest: dict[tuple[str, str], tuple[datetime, Decimal]] = {}
        # A history that begins now begins with the prices that hold now.
        asked = {"StartTime": now, "ProductDescriptions": ["Linux/UNIX"], "MaxResults": 1000}
        for page in self._pages("ec2:DescribeSpotPriceHistory", region, **asked):
            for each in page["SpotPriceHistory"]:
                place = each["InstanceType"], each["AvailabilityZone"]
                price = each["Timestamp"], Decimal(each["SpotPrice"])
                latest[place] = max(price, latest.get(place, price))
        return {place: price for place, (_, price) in latest.items()}

    def on_demand(self, region: str) -> dict[str, Decimal]:
        """What each type costs on demand."""
        filters = [
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in {**FILTERS, "regionCode": region}.items()
        ]
        found: dict[str, Decimal] = {}
        asked: dict[str, Any] = {"ServiceCode": "AmazonEC2", "Filters": filters}
        for page in self._pages("pricing:GetProducts", PRICE_LIST_REGION, **asked):
            found.update(on_demand(page["PriceList"]))
        return found

    def _pages(self, action: str, region: str, **asked: Any) -> Iterator[Mapping[str, Any]]:
        return self._session.pages(action, region, ask=patiently, **asked)
