"""Machine types of Compute Engine in the words of a catalog, and N1 with GPUs, which is no type to Google."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from styx.api import Accelerator, CatalogType

LOCAL_SSD = 375  # GiB of one local disk, but in families that have disks of their own size
_OWN_DISKS = frozenset({"c4", "c4a", "c4d", "h4d", "z3"})
_ARM = frozenset({"a4x", "c4a", "n4a", "t2a"})
# As task files name them, with the memory of each in GiB.
GPUS: Mapping[str, tuple[str, int]] = {
    "nvidia-a100-80gb": ("A100-80GB", 80),
    "nvidia-b200": ("B200", 180),
    "nvidia-gb200": ("GB200", 186),
    "nvidia-h100-80gb": ("H100", 80),
    "nvidia-h100-mega-80gb": ("H100-MEGA", 80),
    "nvidia-h200-141gb": ("H200", 141),
    "nvidia-l4": ("L4", 24),
    "nvidia-rtx-pro-6000": ("RTXPRO6000", 96),
    "nvidia-tesla-a100": ("A100", 40),
    "nvidia-tesla-k80": ("K80", 12),
    "nvidia-tesla-p100": ("P100", 16),
    "nvidia-tesla-p4": ("P4", 8),
    "nvidia-tesla-t4": ("T4", 16),
    "nvidia-tesla-v100": ("V100", 16),
}
# With how many of them a machine of N1 may have up to how many vCPUs and GiB.
ATTACHED: Mapping[str, Mapping[int, tuple[int, int]]] = {
    "K80": {1: (8, 52), 2: (16, 104), 4: (32, 208), 8: (64, 416)},
    "P100": {1: (16, 104), 2: (32, 208), 4: (96, 624)},
    "P4": {1: (24, 156), 2: (48, 312), 4: (96, 624)},
    "T4": {1: (48, 312), 2: (48, 312), 4: (96, 624)},
    "V100": {1: (12, 78), 2: (24, 156), 4: (48, 312), 8: (96, 624)},
}
SHARED_CORE = "shared-core"
# Google's documentation of shared-core types: a part of a vCPU all the time, and all of it for a while (CPU bursting).
_SHARED = frozenset({SHARED_CORE, "burstable"})


def family(machine: CatalogType) -> str:
    """``n1`` of ``n1-standard-8+t4-1``."""
    return machine.instance_type.partition("-")[0]


def plain(name: str, vcpus: int, memory_gib: float, *, shared: bool, disks: int = 0) -> CatalogType:
    """A type without GPUs, or with some that are not known; ``disks`` are the local ones that come with it.

    Nothing is known of how large they are in families that have disks of their own size.
    """
    series = name.partition("-")[0]
    size = None if disks and series in _OWN_DISKS else disks * LOCAL_SSD
    arch = "arm64" if series in _ARM else "x86_64"
    return CatalogType(name, vcpus, memory_gib, arch, None, size, _SHARED if shared else frozenset())


def gpu(kind: str, count: int) -> Accelerator | None:
    """A GPU by Google's name of it; None for those with a licence for workstations, TPUs and what is new to us."""
    if kind not in GPUS or not count:
        return None
    name, memory = GPUS[kind]
    return Accelerator(name, count, memory)


def with_gpus(machine: CatalogType, device: str, memory_gib: int, most: int) -> Iterator[CatalogType]:
    """A machine of N1 with each number of GPUs that it may have, ``most`` at most; nothing for other families.

    Google has no name for such a machine. It is called by its type and what is attached: ``n1-standard-8+t4-1``.
    """
    if family(machine) != "n1" or machine.accelerator or SHARED_CORE in machine.capabilities:
        return
    for count, (vcpus, memory) in ATTACHED.get(device, {}).items():
        if count <= most and machine.vcpus <= vcpus and machine.memory_gib <= memory:
            name = f"{machine.instance_type}+{device.lower()}-{count}"
            yield replace(machine, instance_type=name, accelerator=Accelerator(device, count, memory_gib))
