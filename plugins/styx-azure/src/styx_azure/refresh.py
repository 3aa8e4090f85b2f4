"""A new snapshot of what Azure sells, asked of its APIs: imported by ``styx catalog update azure`` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from styx.api import CatalogEntry, CatalogType, Refresher, Source, Transient
from styx_azure.ask import Azure
from styx_azure.machines import machine
from styx_azure.prices import hourly

_TYPES, _PRICES = "skus", "prices"
_MACHINES = "virtualMachines"

Offered = tuple[CatalogType, tuple[str, ...]]  # a size, and the zones that have it


class AzureRefresher(Refresher):
    """Asks what the subscription may have, and then for the prices of one region after the other."""

    def sources(self) -> Mapping[str, Source]:
        """Two: what there is, and what it costs."""
        return {
            _TYPES: Source(
                "sizes of virtual machines and zones, the latter as this subscription numbers them",
                "Microsoft, Azure Compute API: resourceSkus", self.today,
            ),
            _PRICES: Source(
                "prices of Linux, pay as you go and as spot", "Microsoft, Azure Retail Prices API", self.today,
            ),
        }  # fmt: skip

    def entries(self, progress: Callable[[str], None]) -> Iterable[CatalogEntry]:
        """One for each size and region. What the subscription is not allowed to have is left out."""
        azure = Azure(self.services.config)
        progress("asking for sizes")
        offered = self._offered(azure.skus(), progress)
        if not offered:
            raise Transient("Azure names no size that this subscription may have")
        for number, region in enumerate(sorted(offered), 1):
            progress(f"asking for the prices of {region}, {number} of {len(offered)}")
            prices = dict(hourly(azure.prices(region)))
            for sold, zones in offered[region]:
                price, spot = (prices.get((sold.instance_type, each)) for each in (False, True))
                yield sold.sold(region, _PRICES, zones=zones, hourly=price, spot=spot, type_source=_TYPES)

    def _offered(self, skus: Iterable[Any], progress: Callable[[str], None]) -> dict[str, list[Offered]]:
        found: dict[str, list[Offered]] = {}
        wanted = {region.lower() for region in self.services.config.regions}
        strange = set()
        for sku in skus:
            if sku.resource_type != _MACHINES:
                continue
            said = {each.name: str(each.value) for each in sku.capabilities or ()}
            try:
                sold = machine(sku.name, said)
            except (KeyError, ValueError) as error:  # one of a kind that is new to us
                strange.add(f"{sku.name} ({error})")
                continue
            for region, zones in _places(sku):
                if not wanted or region in wanted:
                    found.setdefault(region, []).append((sold, zones))
        if strange:
            progress(f"leaving out sizes of which too little is said: {', '.join(sorted(strange)[:3])}")
        return found


def _places(sku: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Regions, with the zones of each; without what is closed to the subscription."""
    closed: set[str] = set()
    for each in sku.restrictions or ():
        if str(each.type).rpartition(".")[2].lower() == "location":
            closed |= {str(value).lower() for value in each.values_property or ()}
    shut = {
        zone
        for each in sku.restrictions or ()
        if str(each.type).rpartition(".")[2].lower() == "zone" and each.restriction_info
        for zone in each.restriction_info.zones or ()
    }
    for place in sku.location_info or ():
        region = str(place.location).lower()
        every = set(place.zones or ())
        zones = tuple(f"{region}-{zone}" for zone in sorted(every - shut))
        if region not in closed and (zones or not every):
            yield region, zones
