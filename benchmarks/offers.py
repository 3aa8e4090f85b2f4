"""A catalog of the size of the real ones, made up: ``python -m benchmarks.offers FOLDER [ROWS]`` writes it.

Five clouds with made-up names, in the proportions of five real ones; the same rows each time. The first sells by zone,
with a spot price for each; the second and third by zone or region; the fourth has many small places; the last has few
types and no spot.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from styx.api.catalog import CatalogEntry, Source
from styx.api.offers import Accelerator
from styx.catalog.database import Database
from styx.catalog.entries import to_snapshot
from styx.catalog.snapshot import read, write

ROWS = 129_000
AS_OF = date(2026, 11, 30)
SHARES = {"alto": 0.38, "brio": 0.25, "coda": 0.2, "duo": 0.16, "etude": 0.01}
SOURCES = {"made-up": Source("numbers of no meaning", "benchmarks/offers.py", AS_OF, "Apache-2.0")}
MEMORY = {
    "A100": 40, "A100-80GB": 80, "H100": 80, "H200": 141, "B200": 180, "V100": 16, "T4": 16, "L4": 24, "A10G": 24,
    "L40S": 48, "K80": 12, "P100": 16, "A10": 24, "M60": 8,
}  # fmt: skip
WORTH = dict(zip(MEMORY, (2.2, 3.1, 6, 7.5, 11, 1.4, 0.4, 0.6, 0.9, 1.7, 0.3, 0.5, 0.8, 0.2), strict=True))
CORES = (2, 4, 8, 16, 32, 48, 64, 96, 128, 192)
MANIFEST = """
name = "{name}"
summary = "Made-up prices."
[contract]
cloud = "1.1"
[[catalogs]]
cloud = "{name}"
snapshot = "catalog"
"""
ENTRY_POINT = """
[styx.plugins]
{name} = styx_{name}
"""
LEAST = 40  # types of each cloud, however small


def write_catalogs(folder: Path, rows: int = ROWS) -> list[Path]:
    """A snapshot for each cloud below ``folder``, of about ``rows`` rows in all; return their folders."""
    folders = []
    for number, (cloud, share) in enumerate(SHARES.items()):
        found = to_snapshot(cloud, AS_OF, SOURCES, entries(cloud, number, int(rows * share)))
        write(found, folder / cloud)
        folders.append(folder / cloud)
    return folders


def database(folder: Path) -> Database:
    """The catalog in one of these folders; compiled by the first question."""
    return Database(folder.name, [str(folder)], lambda: str(folder), lambda _: read(folder))


class Kind(NamedTuple):
    """A type of machine; ``worth`` is what it costs about, in USD per hour."""

    name: str
    vcpus: float
    memory_gib: float
    arch: str
    accelerator: Accelerator | None
    worth: float


def write_packages(site: Path) -> None:
    """The same as installed plugins without code, in a directory that is put on the path as site-packages are."""
    for folder in write_catalogs(site):
        folder.rename(write_package(site, folder.name) / "catalog")


def write_package(site: Path, name: str, *, manifest: str = "", entry_points: str = "") -> Path:
    """A package without its catalog, and with more in its manifest and among its entry points; return its folder."""
    package, metadata = site / f"styx_{name}", site / f"styx_{name}-1.0.dist-info"
    for made in (package, metadata):
        made.mkdir(parents=True)
    (package / "__init__.py").touch()
    for path, text in (
        (package / "styx-plugin.toml", MANIFEST + manifest),
        (metadata / "entry_points.txt", ENTRY_POINT + entry_points),
    ):
        path.write_text(text.format(name=name), encoding="utf-8")
    return package


def entries(cloud: str, number: int, rows: int) -> Iterator[CatalogEntry]:
    """About ``rows`` rows of one cloud: first its machines with accelerators, then as many others as it takes."""
    dice = random.Random(f"{cloud} {number}")
    regions = [f"{cloud}-{where}-{n}" for where in ("east", "west", "north", "south", "mid") for n in (1, 2, 3)]
    zones = 3 if number < 3 else 1
    regions = regions[: max(1, min(len(regions), rows // (LEAST * zones)))]
    made = 0
    for kind in _kinds(dice, number):
        for region in regions:
            hourly = kind.worth * dice.uniform(0.9, 1.3)
            for zone in range(zones):
                spot = None if number == len(SHARES) - 1 else Decimal(f"{hourly * dice.uniform(0.25, 0.6):.6f}")
                yield CatalogEntry(
                    *kind[:3],
                    region,
                    "made-up",
                    (f"{region}{'abc'[zone]}",) if zones > 1 else (),
                    Decimal(f"{hourly:.5f}"),
                    spot,
                    kind.arch,
                    kind.accelerator,
                )
                made += 1
        if made >= rows:
            return


def _kinds(dice: random.Random, number: int) -> Iterator[Kind]:
    for name, worth in WORTH.items():
        for count in (1, 2, 4, 8):
            if dice.random() < 0.6 or name == "A100":
                device = Accelerator(name, count, MEMORY[name])
                yield Kind(f"g-{name.lower()}-{count}", 12.0 * count, 85.0 * count, "x86_64", device, worth * count)
    family = 0
    while True:
        family += 1
        ratio = dice.choice((2, 4, 8, 16))
        arch = "arm64" if family % 4 == number % 4 else "x86_64"
        for cores in CORES:
            worth = cores * (0.03 + 0.005 * ratio) * dice.uniform(0.8, 1.2)
            yield Kind(f"f{family}-{cores}", float(cores), float(cores * ratio), arch, None, worth)


if __name__ == "__main__":
    for place in write_catalogs(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else ROWS):
        print(place)
