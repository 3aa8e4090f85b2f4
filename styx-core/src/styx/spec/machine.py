"""The fields of ``resources`` that describe one machine: how each is read, and how it is written back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from styx.api.backend import Autostop
from styx.spec import amounts, fields
from styx.spec.place import Place
from styx.spec.shapes import each_item, integer, keyed, one_of, some
from styx.spec.suggest import did_you_mean

DISK_TIERS = ("low", "medium", "high", "ultra", "best")
NETWORK_TIERS = ("standard", "best")
VOLUME_DEFAULTS: Mapping[str, object] = {
    "storage_type": "network",
    "attach_mode": "read_write",
    "auto_delete": False,
}
WAIT_FOR = ("jobs_and_ssh", "jobs", "none")
STRATEGIES = ("FAILOVER", "EAGER_NEXT_REGION")
DOCKER = "docker:"
MAX_PORT = 65535
MAX_PRIORITY = 1000
MAX_RESTARTS = 1_000_000
MAX_HOURLY_COST = 1_000_000

_LOCAL_DISK = re.compile(r"(?:(nvme|ssd)(?::(?=.)|$))?(?:(\d{1,8}(?:\.\d{1,3})?)(\+?))?", re.IGNORECASE | re.ASCII)
_RANGE = re.compile(r"(\d{1,9})(?:-\s*(\d{1,9}))?", re.ASCII)


def ports(value: object, place: Place) -> tuple[str, ...]:
    """One port, a range ``8080-8090`` or several, as a list or with commas: sorted, what touches made one range."""
    if isinstance(value, str) and "," in value:
        value = [part.strip() for part in value.split(",")]
        return ports(value, place)
    values = value if isinstance(value, list) else [value]
    spans = sorted(
        _span(each, place.at(values, index) if values is value else place) for index, each in enumerate(values)
    )
    merged: list[tuple[int, int]] = []
    for low, high in spans:
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(str(low) if low == high else f"{low}-{high}" for low, high in merged)


def _span(value: object, place: Place) -> tuple[int, int]:
    written = str(value) if isinstance(value, int) else fields.word(value, place)  # 010 is 8, as in all of YAML
    match = _RANGE.fullmatch(written)
    if match is None:
        raise place.error(f"{fields.describe(value)} is neither a port nor a range such as 8080-8090")
    low = fields.within(int(match[1]), place, 1, MAX_PORT)
    high = fields.within(int(match[2] or match[1]), place, 1, MAX_PORT)
    if high < low:
        raise place.error(f"the range {written} ends before it starts")
    return low, high


def image(value: object, place: Place) -> str | dict[str, str] | None:
    """An image, ``docker:IMAGE``, or one image for each region, with ``docker`` for a container in any of them."""
    if not isinstance(value, dict):
        return fields.word(value, place)
    if value.keys() == {"null"}:  # how SkyPilot writes one image that is for all regions
        return fields.word(value["null"], place.at(value, "null"))
    containers = [key for key, each in value.items() if str(each).startswith(DOCKER) and key != "docker"]
    if "docker" in value and containers:
        raise place.at(value, containers[0]).error("is a container too: keep docker, or one for each region")
    return None if not value else {region: fields.word(each, place.at(value, region)) for region, each in value.items()}


def local_disk(value: object, place: Place) -> str:
    """``nvme:1000``, ``ssd:100+``, ``100+`` (then NVMe) or only the kind (then at least 100 GB)."""
    written = fields.word(value, place)
    match = _LOCAL_DISK.fullmatch(written)
    if match is None or not (match[1] or match[2]) or (match[2] and not float(match[2])):
        raise place.error(f"{fields.describe(value)} is no local disk; write nvme:1000, ssd:100+ or 100+")
    kind = (match[1] or "nvme").lower()
    return f"{kind}:{float(match[2]):.12g}{match[3]}" if match[2] else f"{kind}:100+"


def labels(value: object, place: Place) -> dict[str, str]:
    """Labels for the provider to put on what it makes."""
    found = fields.strings(value, place)
    for key, each in found.items():
        fields.word(key, place)
        fields.text(each, place.at(value, key))
    return found


def autostop(value: object, place: Place) -> Autostop | None:
    """True (at once when idle), minutes, a time such as ``2h``, or a mapping; false and less than 0 mean never."""
    if value is False or _negative(value):
        return None
    if value is True:
        return Autostop(0)
    if not isinstance(value, dict):
        return Autostop(amounts.minutes(value, place))
    fields.known_keys(value, place, ("idle_minutes", "down", "wait_for", "hook", "hook_timeout"))
    given = {key: (each, place.at(value, key)) for key, each in value.items() if each is not None}
    if "idle_minutes" in given and _negative(given["idle_minutes"][0]):
        return None
    return Autostop(
        idle_minutes=amounts.minutes(*given["idle_minutes"]) if "idle_minutes" in given else 0,
        down=fields.flag(*given["down"]) if "down" in given else False,
        wait_for=fields.one_of(*given["wait_for"], WAIT_FOR) if "wait_for" in given else "jobs_and_ssh",
    )


def _negative(value: object) -> bool:
    return isinstance(value, int) and value < 0


def autostop_hook(value: object, place: Place) -> dict[str, object] | None:
    """The older way to give a hook: inside of autostop."""
    if not isinstance(value, dict):
        return None
    found = {key: read(value[key], place.at(value, key)) for key, read in _HOOK.items() if value.get(key) is not None}
    return found if "hook" in found else None


def job_recovery(value: object, place: Place) -> dict[str, object] | None:
    """The strategy of a managed job, alone or with when to restart it. ``none`` asks for none of this."""
    found = _RECOVERY(value, place) if isinstance(value, dict) else {"strategy": _strategy(value, place)}
    if found.get("strategy", "") is None:
        return None
    return {key: each for key, each in found.items() if each is not None} or None


def _strategy(value: object, place: Place) -> str | None:
    name = fields.word(value, place).upper()
    if name == "NONE":
        return None
    if name not in STRATEGIES:
        raise place.error(
            f"{fields.describe(value)} is not one of {', '.join(STRATEGIES)}, none", hint=did_you_mean(name, STRATEGIES)
        )
    return name


def _cost(value: object, place: Place) -> float:
    cost = fields.number(value, place, 0, MAX_HOURLY_COST)
    if not cost:
        raise place.error("must be more than 0 USD per hour")
    return cost


_RECOVERY = keyed(
    {
        "strategy": _strategy,
        "max_restarts_on_errors": integer(0, MAX_RESTARTS),
        "recover_on_exit_codes": some(integer(0, 255)),
    }
)
_HOOK: Mapping[str, Callable[[object, Place], object]] = {
    "hook": lambda value, place: fields.text(value, place, lines=True),
    "hook_timeout": integer(1, amounts.MAX_MINUTES),
}
_ACCELERATOR_ARGS = keyed(
    {
        "runtime_version": fields.word,
        "tpu_name": fields.word,
        "tpu_vm": fields.flag,
        "gcp_queued_resource": fields.flag,
    }
)
_VOLUME = keyed(
    {
        "name": fields.word,
        "path": fields.word,
        "disk_size": amounts.disk,
        "disk_tier": one_of(*DISK_TIERS),
        "storage_type": one_of("network", "instance"),
        "attach_mode": one_of("read_write", "read_only"),
        "auto_delete": fields.flag,
    },
    "path",
)


def _volume(value: object, place: Place) -> dict[str, object]:
    """A disk to attach. One over the network is told by its name; one of the machine itself has none."""
    found = {**VOLUME_DEFAULTS, **_VOLUME(value, place)}
    if found["storage_type"] != "network":
        found.pop("name", None)
        return found
    if "name" not in found:
        raise place.error("a volume over the network needs a name")
    return {"disk_tier": "best", **found}


# Every field that becomes one of Alternative under its own name.
READERS: Mapping[str, Callable[[object, Place], object]] = {
    "cpus": amounts.cpus,
    "memory": amounts.memory,
    "accelerator_args": _ACCELERATOR_ARGS,
    "instance_type": fields.word,
    "use_spot": fields.flag,
    "disk_size": amounts.disk,
    "disk_tier": one_of(*DISK_TIERS),
    "network_tier": one_of(*NETWORK_TIERS),
    "local_disk": local_disk,
    "max_hourly_cost": _cost,
    "ports": ports,
    "image_id": image,
    "identity": fields.word,
    "labels": labels,
    "autostop": autostop,
    "job_recovery": job_recovery,
    "priority": integer(-MAX_PRIORITY, MAX_PRIORITY),
}

# Fields that later features act on: checked for their type and kept.
EXTRA_READERS: Mapping[str, Callable[[object, Place], object]] = {
    "ephemeral_storage": amounts.disk,
    "priority_class": fields.word,
    "volumes": each_item(_volume),
}
