"""A new snapshot of what Google Cloud sells, asked of its APIs: imported by ``styx catalog update gcp`` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from styx.api import CatalogEntry, CatalogType, Refresher, Source, Transient
from styx_gcp.ask import Gcp
from styx_gcp.machines import GPUS, gpu, plain, with_gpus
from styx_gcp.prices import Rates, rates, total

_TYPES, _PRICES = "compute", "billing"
_MIB = 1024


class GcpRefresher(Refresher):
    """Asks for prices, for GPUs and for machine types, each of all zones. The README lists what must be allowed."""

    def sources(self) -> Mapping[str, Source]:
        """Two: what there is, and what it costs."""
        return {
            _TYPES: Source(
                "machine types, zones, and which GPUs there are for N1",
                "Google Cloud, Compute Engine API: machineTypes.aggregatedList, acceleratorTypes.aggregatedList",
                self.today,
            ),
            _PRICES: Source(
                "prices, on demand and as spot, added up of those of vCPUs, memory, GPUs and local disks",
                "Google Cloud, Cloud Billing API: services.skus.list of Compute Engine", self.today,
            ),
        }  # fmt: skip

    def entries(self, progress: Callable[[str], None]) -> Iterable[CatalogEntry]:
        """One for each type and zone, and one for each number of GPUs that a machine of N1 may have there."""
        gcp = Gcp(self.services.config)
        progress("asking for prices")
        priced = dict(rates(gcp.skus()))
        progress("asking for GPUs")
        attachable = _attachable(gcp)
        progress("asking for machine types")
        found, skipped = False, set[str]()
        for zone, each in gcp.machine_types():
            machine = None if _withdrawn(each) else _machine(each)
            if machine is None:
                skipped.add(each.name)
                continue
            found = True
            yield _sold(machine, zone, priced)
            for name, memory, most in attachable.get(zone, ()):
                yield from (_sold(more, zone, priced) for more in with_gpus(machine, name, memory, most))
        if skipped:
            progress(f"left out what is withdrawn or has devices that are new to us: {', '.join(sorted(skipped)[:3])}")
        if not found:
            raise Transient("Compute Engine names no machine type")


def _attachable(gcp: Gcp) -> dict[str, list[tuple[str, int, int]]]:
    """The GPUs of each zone: name, memory in GiB, and how many a machine may have."""
    found: dict[str, list[tuple[str, int, int]]] = {}
    for zone, each in gcp.accelerator_types():
        if each.name in GPUS and not _withdrawn(each):
            found.setdefault(zone, []).append((*GPUS[each.name], each.maximum_cards_per_instance))
    return found


def _machine(about: Any) -> CatalogType | None:
    """A type; None for one with a device that is not known, or of which nothing is said."""
    if not about.name or not about.guest_cpus or not about.memory_mb:
        return None
    disks = about.bundled_local_ssds.partition_count if "bundled_local_ssds" in about else 0
    machine = plain(about.name, about.guest_cpus, about.memory_mb / _MIB, shared=about.is_shared_cpu, disks=disks)
    if not about.accelerators:
        return machine
    device = about.accelerators[0]
    accelerator = gpu(device.guest_accelerator_type, device.guest_accelerator_count)
    return replace(machine, accelerator=accelerator) if accelerator else None


def _withdrawn(about: Any) -> bool:
    return bool("deprecated" in about and about.deprecated.state)


def _sold(machine: CatalogType, zone: str, priced: Rates) -> CatalogEntry:
    region = zone.rpartition("-")[0]
    hourly, spot = (total(machine, region, priced, spot=each) for each in (False, True))
    return machine.sold(region, _PRICES, zones=[zone], hourly=hourly, spot=spot, type_source=_TYPES)
