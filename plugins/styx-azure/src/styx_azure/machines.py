"""What Azure says of a size of virtual machines, in the words of a catalog."""

from __future__ import annotations

import re
from collections.abc import Mapping

from styx.api import Accelerator, CatalogType

_GIB_IN_MB = 1024
# What the name of a size tells; B is Microsoft's series of burstable sizes.
_CAPABILITIES = {
    "burstable": re.compile(r"Standard_B\d"),
    "confidential": re.compile(r"Standard_(?:DC|EC|NCC)\d"),
}
# Newer sizes have their device in the name: Standard_NC24ads_A100_v4.
_NAMED = re.compile(r"Standard_\w+_([A-Z][A-Z0-9]*\d[A-Z0-9]*)_v\d+")
_OLDER = (
    (re.compile(r"Standard_NC\d+r?(?:_Promo)?"), "K80"),
    (re.compile(r"Standard_NC\d+r?s_v2"), "P100"),
    (re.compile(r"Standard_NC\d+r?s_v3"), "V100"),
    (re.compile(r"Standard_ND\d+r?s"), "P40"),
    (re.compile(r"Standard_ND40r?s_v[23]"), "V100-32GB"),
    (re.compile(r"Standard_ND96asr(?:_A100)?_v4"), "A100"),
    (re.compile(r"Standard_NV\d+(?:s_v[23]|_Promo)?"), "M60"),
    (re.compile(r"Standard_NV\d+as_v4"), "Radeon MI25"),
)
_OTHER_NAMES = {"A100": "A100-80GB", "RTXPRO6000BSE": "RTXPRO6000"}  # as task files write them
# H100 NVL, which has 94 GB: whoever asks for H100:8 means eight of those with 80, as every other cloud does.
_NVL, _NVL_NAME = re.compile(r"Standard_NCC?\d+adi?s_H100_v5"), "H100-94GB"
_MEMORY: Mapping[str, int] = {
    "A10": 24, "A100": 40, "A100-80GB": 80, "GB200": 186, "GB300": 279, "H100": 80, "H100-94GB": 94, "H200": 141,
    "K80": 12, "M60": 8, "MI300X": 192, "P100": 16, "P40": 24, "RTXPRO6000": 96, "Radeon MI25": 16, "T4": 16,
    "V100": 16, "V100-32GB": 32, "V620": 32, "V710": 24,
}  # fmt: skip
# Sizes that have a part of a device, which Azure's API counts as one.
PARTS: Mapping[str, float] = {
    "Standard_NV6ads_A10_v5": 0.167, "Standard_NV12ads_A10_v5": 0.333, "Standard_NV18ads_A10_v5": 0.5,
    "Standard_NV4as_v4": 0.125, "Standard_NV8as_v4": 0.25, "Standard_NV16as_v4": 0.5,
    "Standard_NV4ads_V710_v5": 0.167, "Standard_NV8ads_V710_v5": 0.333, "Standard_NV12ads_V710_v5": 0.5,
}  # fmt: skip


def machine(name: str, said: Mapping[str, str]) -> CatalogType:
    """A size by its name and capabilities; its local disk is the temporary one.

    Raises KeyError or ValueError where too little is said.
    """
    disk = said.get("MaxResourceVolumeMB")
    return CatalogType(
        instance_type=name,
        vcpus=float(said.get("vCPUsAvailable") or said["vCPUs"]),
        memory_gib=float(said["MemoryGB"]),
        arch="arm64" if said.get("CpuArchitectureType", "").lower() == "arm64" else "x86_64",
        accelerator=accelerator(name, float(said.get("GPUs") or 0)),
        disk_gib=None if disk is None else int(disk) // _GIB_IN_MB,
        capabilities=capabilities(name),
    )


def accelerator(name: str, count: float) -> Accelerator | None:
    """The GPUs of a size that has so many; None where it has none, or none that is known by name."""
    if not count:
        return None
    named = _NAMED.fullmatch(name)
    device = next((each for pattern, each in _OLDER if pattern.fullmatch(name)), None)
    if device is None and named:
        device = _NVL_NAME if _NVL.fullmatch(name) else _OTHER_NAMES.get(named[1], named[1])
    if device is None:
        return None
    return Accelerator(device, PARTS.get(name, count), _MEMORY.get(device, 0))


def capabilities(name: str) -> frozenset[str]:
    """What its name tells."""
    return frozenset(word for word, pattern in _CAPABILITIES.items() if pattern.match(name))
