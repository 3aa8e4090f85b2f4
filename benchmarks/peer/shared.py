"""The offers that both sides get: those of :mod:`benchmarks.offers`, named so that SkyPilot understands them as well.

SkyPilot has in its code what its clouds sell, and looks only at types whose names it knows. So each made-up cloud
stands for one of its clouds, the cheapest families bear names that it takes by default, and what it could not buy there
is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from benchmarks.offers import SHARES, entries
from benchmarks.peer.tasks import GIB, VCPUS
from styx.api.catalog import CatalogEntry

ROWS = 130_000  # before what is left out, so that 129,000 stay

# The families that SkyPilot takes where a task names no type: {cores} and {family} make up the name of a type.
USUAL = {
    "alto": tuple(f"{name}.f{{family}}-{{cores}}" for name in ("m6i", "m6id", "m7i", "r6i", "r6id", "r7i", "c6i")),
    "brio": tuple(f"{name}-f{{family}}-{{cores}}" for name in ("n2-standard", "n2-highmem", "n4-standard")),
    "duo": tuple(f"Standard_{name}" for name in ("D{cores}s_v5", "E{cores}s_v5", "F{cores}s_v2")),
}
OTHERS = {"alto": "f{family}.{cores}", "duo": "Standard_X{cores}_f{family}"}
# The only machines that it buys with these accelerators at brio's peer; with any others it puts the parts together.
HOSTS = {
    **{("A100", count): f"a2-highgpu-{count}g" for count in (1, 2, 4, 8)},
    **{("A100-80GB", count): f"a2-ultragpu-{count}g" for count in (1, 2, 4, 8)},
    **{("H100", count): f"a3-highgpu-{count}g" for count in (1, 2, 4, 8)},
    **{("L4", count): f"g2-standard-{number}" for count, number in ((1, 16), (2, 24), (4, 48), (8, 96))},
    ("H200", 8): "a3-ultragpu-8g",
    ("B200", 8): "a4-highgpu-8g",
}
# Where SkyPilot knows no families it tells neither architectures apart nor, for a task without accelerators, machines
# that have some. So there is one architecture there, and such machines are left out that cost less than any other.
UNAWARE = ("coda", "etude")

_PLAIN = re.compile(r"f(\d+)-(\d+)")


def offers(cloud: str, rows: int = ROWS) -> list[CatalogEntry]:
    """What this cloud sells, of ``rows`` rows at all clouds together."""
    found = list(entries(cloud, list(SHARES).index(cloud), int(rows * SHARES[cloud])))
    usual = dict(zip(_cheapest_families(found), USUAL.get(cloud, ()), strict=False))
    understood = list(_understood(cloud, found, usual))
    if cloud in UNAWARE:
        least = min(map(_price, filter(_is_plain, understood)))
        understood = [entry for entry in understood if not entry.accelerator or _price(entry) > least]
    return understood


def _price(entry: CatalogEntry) -> Decimal:
    assert entry.hourly is not None
    return entry.hourly


def _is_plain(entry: CatalogEntry) -> bool:
    """Whether it is what a task without accelerators asks for."""
    large = entry.vcpus >= VCPUS and entry.memory_gib >= GIB
    return large and entry.accelerator is None and entry.arch == "x86_64"


def _cheapest_families(found: Iterable[CatalogEntry]) -> list[str]:
    """The families that have a machine of the size asked for, cheapest first."""
    least: dict[str, Decimal] = {}
    for entry in found:
        plain = _PLAIN.fullmatch(entry.instance_type)
        if plain and _is_plain(entry):
            least[plain[1]] = min(_price(entry), least.get(plain[1], _price(entry)))
    return sorted(least, key=lambda family: least[family])


def _understood(cloud: str, found: Iterable[CatalogEntry], usual: dict[str, str]) -> Iterator[CatalogEntry]:
    for entry in found:
        name, arch = _name(cloud, entry, usual), "x86_64" if cloud in UNAWARE else entry.arch
        if name is not None:
            yield replace(entry, instance_type=name, arch=arch)


def _name(cloud: str, entry: CatalogEntry, usual: dict[str, str]) -> str | None:
    """What the type is called on both sides; None when only one of them could buy it."""
    if entry.accelerator is None:
        plain = _PLAIN.fullmatch(entry.instance_type)
        assert plain
        pattern = usual.get(plain[1]) or OTHERS.get(cloud, "f{family}-{cores}")
        return pattern.format(family=plain[1], cores=plain[2])
    device = entry.accelerator
    if cloud == "brio":
        return HOSTS.get((device.name, int(device.count)))
    if cloud == "duo":
        return f"Standard_G{device.count:g}_{device.name.replace('-', '_')}"
    return entry.instance_type
