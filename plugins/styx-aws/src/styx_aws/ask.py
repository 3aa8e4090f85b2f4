"""Requests to AWS: one client for each service and region, all pages of every list, and patience."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from styx.api import patiently
from styx_aws.errors import asking
from styx_aws.prices import FILTERS, on_demand

PRICE_LIST_REGION = "us-east-1"  # it is kept in few regions, for all of them
_TIMEOUT = 30  # seconds


class Aws:
    """Asks with the credentials of one profile. botocore repeats nothing; a page is repeated here, after a while."""

    def __init__(self, profile: str = "") -> None:
        import boto3

        with asking("the profile"):
            self._session = boto3.Session(profile_name=profile or None)
        self._clients: dict[tuple[str, str], Any] = {}  # each costs a good part of a second to make

    def regions(self) -> list[str]:
        """Names of the regions that are enabled for the account."""
        ec2 = self._client("ec2", self._session.region_name or PRICE_LIST_REGION)
        answer = patiently(partial(_answer, "ec2:DescribeRegions", ec2.describe_regions))
        return sorted(region["RegionName"] for region in answer["Regions"])

    def types(self, region: str) -> Iterator[Mapping[str, Any]]:
        """Everything that EC2 says of each instance type there."""
        for page in self._pages("ec2", region, "DescribeInstanceTypes", MaxResults=100):
            yield from page["InstanceTypes"]

    def zones(self, region: str) -> dict[str, set[str]]:
        """The zones in which each type is offered; no local zones, which have prices of their own."""
        own = re.compile(rf"{re.escape(region)}[a-z]")
        found: dict[str, set[str]] = {}
        asked = {"LocationType": "availability-zone", "MaxResults": 1000}
        for page in self._pages("ec2", region, "DescribeInstanceTypeOfferings", **asked):
            for offering in page["InstanceTypeOfferings"]:
                if own.fullmatch(offering["Location"]):
                    found.setdefault(offering["InstanceType"], set()).add(offering["Location"])
        return found

    def spot(self, region: str, now: datetime) -> dict[tuple[str, str], Decimal]:
        """What each type costs as spot in each zone right now."""
        latest: dict[tuple[str, str], tuple[datetime, Decimal]] = {}
        # A history that begins now begins with the prices that hold now.
        asked = {"StartTime": now, "ProductDescriptions": ["Linux/UNIX"], "MaxResults": 1000}
        for page in self._pages("ec2", region, "DescribeSpotPriceHistory", **asked):
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
        for page in self._pages("pricing", PRICE_LIST_REGION, "GetProducts", ServiceCode="AmazonEC2", Filters=filters):
            found.update(on_demand(page["PriceList"]))
        return found

    def _pages(self, service: str, region: str, operation: str, **asked: Any) -> Iterator[Mapping[str, Any]]:
        # Not by botocore's paginators, which cannot go on after a page that failed.
        request = getattr(self._client(service, region), re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())
        while True:
            page = patiently(partial(_answer, f"{service}:{operation}", request, **asked))
            yield page
            if not page.get("NextToken"):
                return
            asked["NextToken"] = page["NextToken"]

    def _client(self, service: str, region: str) -> Any:
        from botocore.config import Config

        if (service, region) not in self._clients:
            once = Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"total_max_attempts": 1})
            with asking(f"{service} in {region}"):
                self._clients[service, region] = self._session.client(service, region_name=region, config=once)
        return self._clients[service, region]


def _answer(action: str, request: Callable[..., Any], **asked: Any) -> Any:
    with asking(action):
        return request(**asked)
