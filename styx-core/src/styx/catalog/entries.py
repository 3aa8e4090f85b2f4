"""From what a refresher hands over, one entry for each price, to the rows of a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from styx.api.catalog import CatalogEntry, Source, TransferPrice
from styx.catalog.amounts import exact
from styx.catalog.gather import Gathering
from styx.catalog.rows import Snapshot, cell
from styx.catalog.snapshot import assemble


def to_snapshot(
    cloud: str,
    as_of: date,
    sources: Mapping[str, Source],
    entries: Iterable[CatalogEntry],
    transfer: Iterable[TransferPrice] = (),
) -> Snapshot:
    """The snapshot that has these entries; one row for all zones of a region where the price is the same.

    Entries that make no sense are left out, as rows are when they are read; the line is the entry's number.
    """
    gathering = Gathering(sources)
    types: dict[str, list[str]] = {}
    prices: dict[tuple[str, ...], tuple[int, set[str]]] = {}
    for number, entry in enumerate(entries, 1):
        if entry.instance_type not in types:  # where two of them differ the first counts
            types[entry.instance_type] = _type_cells(entry)
        as_of_cell = entry.as_of.isoformat() if entry.as_of else ""
        price = (entry.instance_type, entry.region, cell(entry.hourly), cell(entry.spot), entry.source, as_of_cell)
        # The region as a whole is another place than its zones.
        _, zones = prices.setdefault((*price, "zones" if entry.zones else ""), (number, set()))
        zones |= set(entry.zones)
    for number, cells in enumerate(types.values(), 1):
        gathering.add_type(cells, number)
    for (name, region, hourly, spot, source, as_of_cell, _), (number, zones) in prices.items():
        gathering.add_price((name, region, " ".join(sorted(zones)), hourly, spot, source, as_of_cell), number)
    for number, each in enumerate(transfer, 1):
        gathering.add_transfer((each.from_region, each.to_region, cell(each.usd_per_gib), each.source), number)
    return assemble(cloud, as_of, sources, gathering)


def transfer_of(snapshot: Snapshot) -> Iterator[TransferPrice]:
    """What moving data costs, as a snapshot says."""
    for row in snapshot.transfer:
        yield TransferPrice(row.from_region, row.to_region, exact(row.usd_per_gib), row.source)


def _type_cells(entry: CatalogEntry) -> list[str]:
    device = entry.accelerator
    return [
        entry.instance_type, cell(entry.vcpus), cell(entry.memory_gib), entry.arch,
        *((device.name, cell(device.count), cell(device.memory_gib)) if device else ("", "", "")),
        cell(entry.disk_gib), " ".join(sorted(entry.capabilities)), entry.type_source or entry.source,
    ]  # fmt: skip
