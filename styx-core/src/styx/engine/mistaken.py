"""Names in a task that nothing has, and what was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from styx.api.errors import CatalogError
from styx.api.offers import Offer
from styx.catalog.query import catalogs
from styx.spec.devices import wants_memory
from styx.spec.model import ResourcesSpec
from styx.spec.suggest import did_you_mean


def mistaken(resources: ResourcesSpec, offers: Iterable[Offer]) -> str | None:
    """What to say of the first accelerator, type of machine or region that no offer and no catalog has; None if all do.

    ``offers`` are those that the clouds which can be asked have, as far as they are at hand. A region is looked for in
    the cloud that is named with it, if anything is known of that.
    """
    wanted_devices = {d.name: None for a in resources.alternatives for d in a.accelerators if not wants_memory(d)}
    wanted_types = dict.fromkeys(a.instance_type for a in resources.alternatives if a.instance_type is not None)
    wanted_regions = [(a.infra.cloud, a.infra.region) for a in resources.alternatives if a.infra.region is not None]
    if not (wanted_devices or wanted_types or wanted_regions):
        return None
    devices, types, regions = set[str](), set[str](), dict[str, set[str]]()
    for offer in offers:
        devices.update(device.name for device in offer.accelerators)
        types.add(offer.instance_type)
        regions.setdefault(offer.cloud, set()).add(offer.region)
    for shelf, catalog in catalogs():
        with suppress(CatalogError):
            devices.update(device.name for device in catalog.accelerators())
            types.update(catalog.types() if wanted_types else ())
            if wanted_regions:
                regions.setdefault(shelf.cloud, set()).update(catalog.regions())
    searches = [
        *(("accelerator", name, devices) for name in wanted_devices),
        *(("instance type", name, types) for name in wanted_types),
        *(("region", name, regions.get(cloud, set()) if cloud else _all(regions)) for cloud, name in wanted_regions),
    ]
    if not devices - {""} and not types:
        return None
    for what, name, known in searches:
        if name.lower() not in {each.lower() for each in known} and (known - {""} or what != "region"):
            return f"Nothing known has {what} {name!r}. {did_you_mean(name, sorted(known)) or ''}".rstrip()
    return None


def _all(regions: Mapping[str, set[str]]) -> set[str]:
    return set().union(*regions.values())
