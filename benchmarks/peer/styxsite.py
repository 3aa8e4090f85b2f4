"""The first writer: the offers as installed plugins, each with a catalog and a cloud that sells from it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.offers import AS_OF, SOURCES, write_package
from styx.api.catalog import CatalogEntry
from styx.catalog.entries import to_snapshot
from styx.catalog.snapshot import write as write_snapshot

CLOUD = """
[[provides]]
kind = "cloud"
name = "{name}"
target = "styx_{name}.cloud:Shop"
"""
ENTRY_POINTS = """
[styx.clouds]
{name} = styx_{name}.cloud:Shop
"""
SHOP = Path(__file__).with_name("shop.py")


def write(site: Path, sold: Mapping[str, Sequence[CatalogEntry]]) -> None:
    """Write the packages into a directory that is put on the path as site-packages are."""
    for name, entries in sold.items():
        package = write_package(site, name, manifest=CLOUD, entry_points=ENTRY_POINTS)
        write_snapshot(to_snapshot(name, AS_OF, SOURCES, entries), package / "catalog")
        shutil.copyfile(SHOP, package / "cloud.py")
