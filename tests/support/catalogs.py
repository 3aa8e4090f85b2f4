"""Catalogs made for tests: random ones, and small ones of which each row is known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

from hypothesis import strategies as st

from styx.api import Accelerator, CatalogEntry, Source
from styx.catalog.database import Database
from styx.catalog.entries import to_snapshot
from styx.catalog.snapshot import read, write

TODAY = date(2024, 5, 30)  # of the packages' snapshots: what is fetched in a test is later
SOURCES = {
    "list": Source("prices of Acme Inc.", "Acme price list", date(2024, 5, 1), "CC0-1.0"),
    'b "2"': Source("types\tof \\ Acme \u00fc\x7f", "Acme handbook", date(2024, 4, 1)),
}
REGIONS = {"east": ("e1", "e2", "e3"), "west": ("w1",), "south": ()}
DEVICES = ("A100", "A100-80GB", "H100", "T4")

prices = st.none() | st.decimals("0.000000001", 999, places=9) | st.sampled_from([Decimal("1.50"), Decimal(2)])


@st.composite
def entries(draw: st.DrawFn, most: int = 25) -> list[CatalogEntry]:
    """Entries that agree with each other: one fact a type, one price a zone."""
    kinds = [
        {
            "instance_type": name,
            "vcpus": draw(st.sampled_from([0.25, 2, 4, 8, 96])),
            "memory_gib": draw(st.sampled_from([0.5, 4, 16, 32.5, 1152])),
            "arch": draw(st.sampled_from(["x86_64", "arm64"])),
            "accelerator": draw(
                st.none()
                | st.builds(
                    Accelerator, st.sampled_from(DEVICES), st.sampled_from([0.5, 1, 2, 8]), st.sampled_from([0, 40, 80])
                )
            ),
            "disk_gib": draw(st.sampled_from([None, 0, 150])),
            "capabilities": frozenset(draw(st.sets(st.sampled_from(["spot", "nested", "efa"])))),
            "type_source": draw(st.sampled_from(list(SOURCES))),
        }
        for name in draw(st.lists(st.sampled_from([f"t{n}" for n in range(9)]), min_size=1, max_size=9, unique=True))
    ]
    found = []
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=most)):
        region = draw(st.sampled_from(list(REGIONS)))
        zones = tuple(sorted(draw(st.sets(st.sampled_from(REGIONS[region]))))) if REGIONS[region] else ()
        taken = {
            zone
            for each in found
            for zone in each.zones or ("",)
            if (each.instance_type, each.region) == (kind["instance_type"], region)
        }
        if taken.isdisjoint(zones or ("",)):
            found.append(
                CatalogEntry(
                    **kind,
                    region=region,
                    zones=zones,
                    hourly=draw(prices),
                    spot=draw(prices),
                    source=draw(st.sampled_from(list(SOURCES))),
                    as_of=draw(st.none() | st.just(TODAY)),
                )
            )
    return found


def entry(instance_type: str, hourly: str | None, region: str = "east", **more: object) -> CatalogEntry:
    """A machine with 4 vCPUs and 16 GiB, unless ``more`` says otherwise."""
    facts = {"vcpus": 4, "memory_gib": 16, "source": "list", **more}
    price = None if hourly is None else Decimal(hourly)
    return CatalogEntry(instance_type=instance_type, region=region, hourly=price, **facts)  # type: ignore[arg-type]


def write_catalog(folder: Path, found: Iterable[CatalogEntry], cloud: str = "acme", as_of: date = TODAY) -> Path:
    """Write a snapshot with these entries; return the folder."""
    write(to_snapshot(cloud, as_of, SOURCES, found), folder)
    return folder


def database(folder: Path, *more: Path, cloud: str = "acme") -> Database:
    """The compiled catalog in that folder; the others are looked at as well, and do not count."""
    folders = [str(each) for each in (folder, *more)]
    return Database(cloud, folders, lambda: folders[0], lambda chosen: read(Path(chosen), cloud))
