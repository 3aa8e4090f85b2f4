"""The first writer: the offers as installed plugins, each with a catalog and a cloud that sells from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.offers import AS_OF, MANIFEST, SOURCES
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
[styx.plugins]
{name} = styx_{name}
[styx.clouds]
{name} = styx_{name}.cloud:Shop
"""
SHOP = Path(__file__).with_name("shop.py")


def write(site: Path, sold: Mapping[str, Sequence[CatalogEntry]]) -> None:
    """Write the packages into a directory that is put on the path as site-packages are."""
    for name, entries in sold.items():
        package, metadata = site / f"styx_{name}", site / f"styx_{name}-1.0.dist-info"
        for made in (package, metadata):
            made.mkdir(parents=True)
        write_snapshot(to_snapshot(name, AS_OF, SOURCES, entries), package / "catalog")
        (package / "__init__.py").touch()
        (package / "cloud.py").write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
        (package / "styx-plugin.toml").write_text((MANIFEST + CLOUD).format(name=name), encoding="utf-8")
        (metadata / "entry_points.txt").write_text(ENTRY_POINTS.format(name=name), encoding="utf-8")
