"""What an AWS has that bills, as it knows itself: the truth behind its lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from styx_aws.testbed.bed import Bed

_FREE = ("shutting-down", "terminated")


def things(bed: Bed) -> Iterator[dict[str, Any]]:
    """Instances, and disks and addresses that none has: id, tags, whether it bills, and whether it runs."""
    for instance in bed.instances():
        if instance.state != "terminated":
            runs = instance.state in ("pending", "running")
            yield _thing(instance.id, instance, bills=instance.state not in _FREE, runs=runs)
    for backend in bed.backends():
        for volume in backend.volumes.values():
            if volume.attachment is None:
                yield _thing(volume.id, volume)
        for address in backend.addresses:
            yield _thing(address.allocation_id, address)


def _thing(id_: str, thing: Any, *, bills: bool = True, runs: bool = False) -> dict[str, Any]:
    tags = {tag["key"]: tag["value"] for tag in thing.get_tags()}
    return {"id": id_, "tags": tags, "bills": bills, "runs": runs}
