"""What machines are given when they are made, beside their size: an image, a disk, an identity, ports and labels.

It is on the record of their cluster, so that a later task that asks for something else is not given them in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from styx.api.offers import DIVISIBLE, Offer
from styx.engine.codec import offer_from_data
from styx.spec.machine import DISK_TIERS, DOCKER
from styx.spec.model import Alternative
from styx.store.records import ClusterRecord

BEST = DISK_TIERS[-1]


def image_in(wanted: Alternative, region: str) -> str | None:
    """The machines' image that is asked for there, as far as any is: a container's is none."""
    image = _image(wanted, region)
    return None if image is None or image.startswith(DOCKER) else image


def container_in(wanted: Alternative, region: str) -> str | None:
    """The image of the containers that jobs are to run in there, as far as any is asked for."""
    images = wanted.image_id
    inside = images.get("docker") if isinstance(images, Mapping) else None
    image = inside or _image(wanted, region)
    return image.removeprefix(DOCKER) if image is not None and (inside or image.startswith(DOCKER)) else None


def _image(wanted: Alternative, region: str) -> str | None:
    images = wanted.image_id
    return images.get(region) if isinstance(images, Mapping) else images


def ports_of(wanted: Alternative) -> tuple[int, ...]:
    """Every port that is asked for, ranges port by port."""
    return tuple(port for text in wanted.ports for port in _range(text))


def to_data(wanted: Alternative, region: str) -> dict[str, Any]:
    """What the record says of it."""
    return {
        "image_id": image_in(wanted, region),
        "container": container_in(wanted, region),
        "disk_size": wanted.disk_size,
        "disk_tier": wanted.disk_tier,
        "identity": wanted.identity,
        "ports": sorted(ports_of(wanted)),
        "labels": dict(wanted.labels),
    }


def why_not(wanted: Alternative, cluster: ClusterRecord) -> str | None:
    """What a task wants that the machines cannot be given any more; None where nothing, or where it is not on record.

    Machines that are divided have no disk or image of their own.
    """
    made: Mapping[str, Any] = cluster.request
    offer = offer_from_data(cluster.offer)
    container = container_in(wanted, cluster.region)
    if made and container not in (None, made.get("container")):
        return f"container {made.get('container') or 'of no image'}, wanted {container}"
    if not made.keys() - {"container"}:  # it was taken up again, and only the nodes could be asked
        return None
    identity = made.get("identity")
    if wanted.identity not in (None, identity):
        return f"identity {identity or 'of nobody'}, wanted {wanted.identity}"
    if DIVISIBLE in offer.capabilities:
        return None
    image = image_in(wanted, cluster.region)
    if image not in (None, made["image_id"]):
        return f"image {made['image_id'] or 'of the cloud'}, wanted {image}"
    return _too_little_disk(wanted, made, offer)


def _too_little_disk(wanted: Alternative, made: Mapping[str, Any], offer: Offer) -> str | None:
    if wanted.disk_size is not None and wanted.disk_size > (made["disk_size"] or offer.disk_gib or 0):
        has = f"{made['disk_size']} GiB" if made["disk_size"] else "the usual size"
        return f"disk of {has}, wanted {wanted.disk_size} GiB"
    tier = made.get("disk_tier")
    if not _fast_enough(wanted.disk_tier, tier):
        return f"disk of {f'tier {tier}' if tier else 'the usual tier'}, wanted {wanted.disk_tier}"
    return None


def _fast_enough(wanted: str | None, tier: str | None) -> bool:
    """Whether a disk of this tier will do: the best that the machines can have is the one that they have."""
    if wanted in (None, BEST, tier):
        return True
    return tier is not None and DISK_TIERS.index(wanted) < DISK_TIERS.index(tier)


def closed_ports(wanted: Alternative, cluster: ClusterRecord) -> list[int]:
    """The ports that a task wants and that nobody has asked for yet."""
    opened: Any = cluster.request.get("ports", ())
    return sorted(set(ports_of(wanted)) - set(opened))


def other_labels(wanted: Alternative, cluster: ClusterRecord) -> list[str]:
    """The labels that a task wants and that the machines do not have; none where that is not on record."""
    made: Any = cluster.request.get("labels", wanted.labels)
    return sorted(name for name, value in wanted.labels.items() if made.get(name) != value)


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
