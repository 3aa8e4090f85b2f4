"""The ``resources`` of a task: from a mapping with ``any_of`` or ``ordered`` to complete alternatives, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

from styx.api.backend import Autostop
from styx.spec import devices, fields, machine
from styx.spec.infra import cloud_name, infra, part
from styx.spec.model import Alternative, Infra, ResourcesSpec
from styx.spec.place import Place

TRIO = ("cloud", "region", "zone")
LISTS = ("any_of", "ordered")
# Keys of one machine, and so of each entry of any_of and ordered, and of overrides.
KEYS = frozenset(
    {"accelerators", "gpus", "infra", *TRIO, *machine.READERS, *machine.EXTRA_READERS},
)
MAX_ALTERNATIVES = 1000

_DEFAULT = Alternative()
_DEFAULTS: dict[str, object] = {each.name: getattr(_DEFAULT, each.name) for each in dataclass_fields(Alternative)}
_RENAMED = {"spot_recovery": "job_recovery", "gpu": "gpus", "cpu": "cpus", "spot": "use_spot", "disk": "disk_size"}

Choice = dict[str, object]  # fields of Alternative that were given; the place as cloud, region, zone; extra fields


def resources(value: object, place: Place) -> ResourcesSpec:
    """Read the mapping. Raises InvalidTask."""
    found = fields.mapping(value, place)
    known_keys(found, place, KEYS | set(LISTS))
    given = [key for key in LISTS if found.get(key) not in (None, [])]
    if len(given) > 1:
        raise place.at(found, "ordered").error("excludes any_of: say either that order matters or that it does not")
    base, ordered = choices({key: each for key, each in found.items() if key not in LISTS}, place, found)
    if given:
        base, ordered = _overlaid(base, found, given[0], place, ordered=ordered)
    _same_priority(base, place.at(found, "priority"))
    return _finish([_changed(_DEFAULT, choice) for choice in base], ordered=ordered)


def overlaid(spec: ResourcesSpec, changes: Mapping[str, object], place: Place) -> ResourcesSpec:
    """The alternatives with some fields changed in all of them; None resets a field. Raises InvalidTask."""
    known_keys(changes, place, KEYS)
    found, ordered = choices(changes, place, changes)
    _limit(len(spec.alternatives) * len(found), place)
    changed = [_changed(each, choice) for each in spec.alternatives for choice in found]
    return _finish(changed, ordered=spec.ordered or ordered)


def _overlaid(
    base: list[Choice], found: Mapping[str, object], key: str, place: Place, *, ordered: bool
) -> tuple[list[Choice], bool]:
    """Every entry of ``any_of`` or ``ordered`` laid over every choice of the base."""
    at = place.at(found, key)
    entries = fields.items(found[key], at)
    if ordered or (key == "ordered" and len(base) > 1):
        raise at.error(
            f"cannot be combined with a {'list' if ordered else 'set'} of accelerators: their orders contradict",
            hint=f"Write each accelerator as an entry of {key}.",
        )
    older = [part for part in TRIO if found.get(part) is not None]
    overlays: list[Choice] = []
    for index, entry in enumerate(entries):
        here = at.at(entries, index)
        option = fields.mapping(entry, here)
        known_keys(option, here, KEYS)
        if found.get("infra") is not None:
            _no_trio(option, here)
        if older and option.get("infra") is not None:
            raise here.at(option, "infra").error(f"excludes the {older[0]} of the resources: write infra there too")
        laid = choices(option, here, option)[0]
        if len(laid) > 1:
            device = "accelerators" if "accelerators" in option else "gpus"
            raise here.at(option, device).error(f"one accelerator at a time inside of {key}")
        overlays += laid
    _limit(len(base) * len(overlays), at)
    return [_over(below, above) for above in overlays for below in base], key == "ordered"


def _limit(count: int, place: Place) -> None:
    if count > MAX_ALTERNATIVES:
        raise place.error(f"gives {count} alternatives, the limit is {MAX_ALTERNATIVES}")


def _over(below: Choice, above: Choice) -> Choice:
    """One choice laid over another: its fields win, its labels are added."""
    if "infra" in above:  # says all three
        below = {key: each for key, each in below.items() if key not in TRIO}
    found = {**below, **above}
    under, over = below.get("labels"), above.get("labels")
    if isinstance(under, dict) and isinstance(over, dict):
        found["labels"] = {**under, **over}
    return found


def _same_priority(found: list[Choice], place: Place) -> None:
    """A task waits in one queue, so all ways to satisfy it have one priority."""
    if len({each["priority"] for each in found if each.get("priority") is not None}) > 1:
        raise place.error("is not the same in all alternatives", hint="A task has one priority: say it once.")


def choices(found: Mapping[str, object], place: Place, lines: object) -> tuple[list[Choice], bool]:
    """The fields given, once for each accelerator that would do, and whether those are in order."""
    common: Choice = {}
    wanted: list[tuple[object, ...]] | None = None
    ordered = False
    if found.get("infra") is not None:
        _no_trio(found, place)
    for key, value in found.items():
        at = place.at(lines, key)
        if key in ("accelerators", "gpus"):
            if wanted is not None:
                raise at.error("accelerators and gpus are the same field; keep one")
            devices_found, ordered = devices.devices(value, at)
            _limit(len(devices_found), at)
            wanted = [*devices_found]
        elif key == "infra":
            common["infra"] = infra(value, at) if value is not None else Infra()
        elif key in TRIO and value is None:
            if found.get("infra") is None:  # else infra has said all three
                common[key] = None
        elif key in TRIO:
            common[key] = cloud_name(value, at) if key == "cloud" else part(value, at)
        else:
            _read(common, key, value, at)
    if wanted is None:
        return [common], False
    return [{**common, "accelerators": each} for each in wanted], ordered


def _read(common: Choice, key: str, value: object, at: Place) -> None:
    """Read one field that is not about the place or the accelerators; nothing resets it."""
    if key in machine.EXTRA_READERS:
        common[f"extra.{key}"] = None if value is None else machine.EXTRA_READERS[key](value, at)
        return
    common[key] = _DEFAULTS[key] if value is None else machine.READERS[key](value, at)
    if key == "autostop":
        common["extra.autostop_hook"] = machine.autostop_hook(value, at)


def known_keys(found: Mapping[str, object], place: Place, known: frozenset[str]) -> None:
    """Raise for the first key that resources do not have."""
    for key in found:
        if key in _RENAMED:
            raise fields.unknown(found, key, place, f"Did you mean {_RENAMED[key]!r}?")
    fields.known_keys(found, place, known)


def _no_trio(found: Mapping[str, object], place: Place) -> None:
    for key in TRIO:
        if found.get(key) is not None:
            raise place.at(found, key).error(f"excludes infra, which says the {key} too: write infra alone")


def _changed(alternative: Alternative, choice: Choice) -> Alternative:
    given: dict[str, Any] = {}
    extra = dict(alternative.extra)
    for key, value in choice.items():
        if key.startswith("extra."):
            extra.pop(key.removeprefix("extra."), None)
            if value is not None:
                extra[key.removeprefix("extra.")] = value
        elif key not in TRIO:
            given[key] = value
    if any(key in choice for key in TRIO):
        given["infra"] = _placed(alternative.infra, choice)
    return replace(alternative, **given, extra=extra)


def _placed(old: Infra, choice: Choice) -> Infra:
    """The place with some parts given; what lies inside a part that changes is open again."""
    parts: list[str | None] = []
    inherit = True
    for key in TRIO:
        if key in choice:
            value = choice[key]
            parts.append(None if value is None else str(value))
            inherit = False
        else:
            parts.append(getattr(old, key) if inherit else None)
    return Infra(*parts)


def _finish(found: list[Alternative], *, ordered: bool) -> ResourcesSpec:
    """Leave out what says the same as one before it; a single alternative has no order."""
    unique: list[Alternative] = []
    seen: set[str] = set()
    for each in found:
        key = repr(to_mapping_of_one(each))
        if key not in seen:
            seen.add(key)
            unique.append(each)
    return ResourcesSpec(tuple(unique), ordered and len(unique) > 1)


def to_mapping(spec: ResourcesSpec) -> dict[str, object]:
    """The canonical mapping: what all alternatives share, and the rest below ``any_of`` or ``ordered``."""
    each = [to_mapping_of_one(alternative) for alternative in spec.alternatives]
    if len(each) == 1:
        return each[0]
    shared = {
        key: value for key, value in each[0].items() if all(key in other and other[key] == value for other in each[1:])
    }
    rest = [{key: value for key, value in one.items() if key not in shared} for one in each]
    return {**shared, "ordered" if spec.ordered else "any_of": rest}


def to_mapping_of_one(alternative: Alternative) -> dict[str, object]:
    """The canonical mapping of one alternative: only what differs from the defaults."""
    found: dict[str, object] = {}
    for key, default in _DEFAULTS.items():
        value = getattr(alternative, key)
        if value == default or key == "extra":
            continue
        found[key] = _plain(key, value)
    extra = dict(alternative.extra)
    hook, stop = extra.pop("autostop_hook", None), found.get("autostop")
    if isinstance(hook, dict) and isinstance(stop, dict):
        found["autostop"] = {**stop, **hook}
    return {**found, **extra}


def _plain(key: str, value: object) -> object:
    match value:
        case Autostop():
            return {"idle_minutes": value.idle_minutes, "down": value.down, "wait_for": value.wait_for}
        case tuple() if key == "accelerators":
            return devices.written(value[0])
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
    return str(value) if key in ("infra", "cpus", "memory") else value
