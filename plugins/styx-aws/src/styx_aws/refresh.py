"""A new snapshot of what AWS sells, asked of its APIs: imported by ``styx catalog update aws`` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from styx.api import CatalogEntry, PermissionDenied, Refresher, Services, Source
from styx_aws.ask import Aws
from styx_aws.config import Settings
from styx_aws.machines import machine

_TYPES, _PRICES = "ec2", "prices"


class AwsRefresher(Refresher):
    """Asks every region that is enabled, one after the other. The README lists the actions that must be allowed."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._left_out: list[str] = []

    def sources(self) -> Mapping[str, Source]:
        """Two: what there is, and what it costs."""
        without = f"; not of {', '.join(self._left_out)}, where it may not be asked" if self._left_out else ""
        return {
            _TYPES: Source(
                f"instance types and zones, the latter as this account names them{without}",
                "AWS, EC2 API: DescribeRegions, DescribeInstanceTypes, DescribeInstanceTypeOfferings", self.today,
            ),
            _PRICES: Source(
                "prices of Linux, on demand on shared machines and as spot of that moment",
                "AWS, Price List API: GetProducts; EC2 API: DescribeSpotPriceHistory", self.today,
            ),
        }  # fmt: skip

    def entries(self, progress: Callable[[str], None]) -> Iterable[CatalogEntry]:
        """One for each type and zone. A region in which the account may not ask is left out; not all of them."""
        settings: Settings = self.services.config
        aws = Aws(settings.profile)
        regions = settings.regions or aws.regions()
        for number, region in enumerate(regions, 1):
            progress(f"asking {region}, {number} of {len(regions)}")
            try:
                yield from self._region(aws, region, progress)
            except PermissionDenied as error:
                self._left_out.append(region)
                progress(f"leaving out {region}: {error.message}")
                if len(self._left_out) == len(regions):
                    raise

    def _region(self, aws: Aws, region: str, progress: Callable[[str], None]) -> Iterator[CatalogEntry]:
        zones, spot, hourly = aws.zones(region), aws.spot(region, self.services.clock.now()), aws.on_demand(region)
        for about in aws.types(region):
            try:
                sold = machine(about)
            except (KeyError, IndexError, TypeError) as error:  # one of a kind that is new to us
                progress(f"leaving out {about.get('InstanceType')}: nothing is said of {error}")
                continue
            if sold is None:
                continue
            name = sold.instance_type
            for zone in sorted(zones.get(name, ())):
                yield sold.sold(
                    region, _PRICES, zones=[zone], hourly=hourly.get(name), spot=spot.get((name, zone)),
                    type_source=_TYPES,
                )  # fmt: skip
