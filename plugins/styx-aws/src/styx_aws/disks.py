"""The first disk of a machine: how large it is, and what a disk tier is on EC2.

=========  ======  =========================================  =====================
tier       volume  operations per second                      MiB/s
=========  ======  =========================================  =====================
low        st. ¹   as the disk allows                         as the disk allows
medium ²   gp3     3,000                                      125
high       gp3     7,000                                      437
ultra      io2     20,000                                     as the machine allows
best       io2     as ultra                                   as ultra
=========  ======  =========================================  =====================

¹ "standard", magnetic, 1 TiB at most. ² Also where a task does not say. Small disks get fewer: EC2 allows 500 a GiB.
"""

from __future__ import annotations

from typing import Any

from styx.api import InvalidRequest
from styx_aws.images import Image

USUAL_GIB = 64  # where a task does not say: room for an image with drivers and some work
_PER_GIB = 500  # operations per second and GiB, at most
_PER_MIB = 4  # operations per second for each MiB/s of gp3, at least
_VOLUMES: dict[str, tuple[str, int, int]] = {  # type, operations per second, MiB/s; 0 is what it has by itself
    "low": ("standard", 0, 0),
    "medium": ("gp3", 0, 0),
    "high": ("gp3", 7_000, 437),
    "ultra": ("io2", 20_000, 0),
    "best": ("io2", 20_000, 0),
}


def root_disk(image: Image, disk_gib: int | None, tier: str | None) -> dict[str, Any]:
    """The block device mapping of the first disk. Raises InvalidRequest for one that the image does not fit on."""
    if disk_gib is not None and disk_gib < image.disk_gib:
        raise InvalidRequest(
            f"a disk of {disk_gib} GiB was asked for, and the image {image.id} needs {image.disk_gib}",
            field="disk_size", hint="Leave disk_size out, or ask for more.",
        )  # fmt: skip
    size = disk_gib or max(USUAL_GIB, image.disk_gib)
    if (tier or "medium") not in _VOLUMES:
        raise InvalidRequest(f"there is no disk tier {tier!r}; there are {', '.join(_VOLUMES)}", field="disk_tier")
    kind, operations, throughput = _VOLUMES[tier or "medium"]
    volume: dict[str, Any] = {"VolumeSize": size, "VolumeType": kind, "DeleteOnTermination": True}
    if operations:
        volume["Iops"] = min(operations, _PER_GIB * size)
    if throughput:
        volume["Throughput"] = min(throughput, volume["Iops"] // _PER_MIB)
    return {"DeviceName": image.root, "Ebs": volume}
