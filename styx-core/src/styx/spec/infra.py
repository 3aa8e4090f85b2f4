"""Where a task may run: ``aws/us-east-1``, ``*/*/us-east-1a``, ``k8s/context``, or the older trio of three fields."""

from __future__ import annotations

from styx.spec import fields
from styx.spec.model import Infra
from styx.spec.place import Place

# SkyPilot's long name for a cloud that Styx knows by its short one.
ALIASES = {"kubernetes": "k8s"}
# Contexts of Kubernetes may hold slashes (arn:aws:eks:...:cluster/name); they and pools have no zones below them.
WHOLE_REST = frozenset({"k8s", "ssh"})
MAX_PARTS = 3


def infra(value: object, place: Place) -> Infra:
    """``cloud[/region[/zone]]``; ``*`` leaves a part open."""
    written = fields.text(value, place).strip()
    parts = [part.strip() for part in written.split("/")] if written else [""]
    name = cloud_name(parts[0], place) if _given(parts[0]) else None
    if written and not all(parts):
        raise place.error(f"{fields.describe(written)} has an empty part", hint="Write * for a part that is left open.")
    if name in WHOLE_REST:
        return Infra(name, _given("/".join(parts[1:])))
    if len(parts) > MAX_PARTS:
        raise place.error(f"{fields.describe(written)} has more parts than cloud/region/zone")
    region, zone = ([_given(part) for part in parts[1:]] + [None, None])[:2]
    return Infra(name, region, zone)


def cloud_name(value: object, place: Place) -> str:
    """A cloud by the name its plugin has, in any case."""
    name = fields.word(value, place).lower()
    if "/" in name or "*" in name or " " in name:
        raise place.error(f"{fields.describe(value)} is not the name of a cloud")
    return ALIASES.get(name, name)


def part(value: object, place: Place) -> str | None:
    """A region or a zone; ``*`` leaves it open."""
    return _given(fields.word(value, place))


def _given(part: str) -> str | None:
    part = part.strip()
    return None if part in ("", "*") else part
