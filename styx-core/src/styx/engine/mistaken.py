"""Names in a task that nothing has, and what was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from styx.api.errors import CatalogError
from styx.api.offers import Offer
from styx.catalog.query import catalogs
from styx.spec.devices import wants_memory
from styx.spec.model import ResourcesSpec
from styx.spec.suggest import did_you_mean


def mistaken(resources: ResourcesSpec, offers: Iterable[Offer]) -> str | None:
    """What to say of the first accelerator or type of machine that no offer and no catalog has; None if all are known.

    ``offers`` are those that the clouds which can be asked have, as far as they are at hand.
    """
    wanted_devices = {d.name: None for a in resources.alternatives for d in a.accelerators if not wants_memory(d)}
    wanted_types = dict.fromkeys(a.instance_type for a in resources.alternatives if a.instance_type is not None)
    if not wanted_devices and not wanted_types:
        return None
    devices, types = set[str](), set[str]()
    for offer in offers:
        devices.update(device.name for device in offer.accelerators)
        types.add(offer.instance_type)
    for _, catalog in catalogs():
        with suppress(CatalogError):
            devices.update(device.name for device in catalog.accelerators())
            types.update(catalog.types() if wanted_types else ())
    if not devices - {""} and not types:
        return None
    for what, wanted, known in (("accelerator", wanted_devices, devices), ("instance type", wanted_types, types)):
        folded = {name.lower() for name in known}
        for name in wanted:
            if name.lower() not in folded:
                return f"Nothing known has {what} {name!r}. {did_you_mean(name, sorted(known)) or ''}".rstrip()
    return None
