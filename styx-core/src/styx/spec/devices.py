"""Accelerators in all the forms they are written in.

A name (``A100:8``), a fraction (``V100:0.5``), a set of which the cheapest will do (``{A100: 1, V100: 1}``), a list in
order of preference (``[A100:1, V100:1]``), or an amount of device memory (``32GB+``, ``nvidia:16GB:1``).
"""

from __future__ import annotations

import re

from styx.api.offers import Accelerator
from styx.spec import fields
from styx.spec.place import Place

MAX_COUNT = 1000

_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9._ -]{0,62}[A-Za-z0-9])?")
_MEMORY = re.compile(r"(\d{1,6})\s*(?:GB|G|GiB)(\+?)", re.IGNORECASE | re.ASCII)
_COUNT = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_FORMS = "write NAME:COUNT, such as A100:8, or an amount of device memory, such as 32GB+"


def devices(value: object, place: Place) -> tuple[list[tuple[Accelerator, ...]], bool]:
    """The alternatives, and whether they are in order of preference. Nothing asks for none."""
    if value is None:
        return [()], False
    if isinstance(value, dict):
        pairs = [_pair(key, count, place.at(value, key)) for key, count in value.items()]
        return _choices(pairs), False
    if isinstance(value, list):
        pairs = [_one(each, place.at(value, index)) for index, each in enumerate(value)]
        return _choices(pairs), len(pairs) > 1
    written = fields.text(value, place).strip()
    if written[:1] in ("{", "["):  # quoted YAML, as on a command line
        return _flow(written, place)
    return [(_one(written, place),)], False


def wants_memory(device: Accelerator) -> bool:
    """Whether any device with enough memory will do: its name is then like ``32GB+`` or ``nvidia:32GB``."""
    return _MEMORY.fullmatch(device.name.rpartition(":")[2]) is not None


def satisfies(wanted: Accelerator, device: Accelerator) -> bool:
    """Whether a device is of the kind that ``wanted`` names. Counts are not compared; unknown memory is too little."""
    if not wants_memory(wanted):
        return wanted.name.lower() == device.name.lower()
    if wanted.name.endswith("+"):
        return device.memory_gib >= wanted.memory_gib
    return device.memory_gib == wanted.memory_gib


def written(device: Accelerator) -> str:
    """The way it is written in YAML."""
    count = int(device.count) if float(device.count).is_integer() else device.count
    return f"{device.name}:{count}"


def _choices(found: list[Accelerator]) -> list[tuple[Accelerator, ...]]:
    return [(device,) for device in dict.fromkeys(found)] or [()]


def _flow(written: str, place: Place) -> tuple[list[tuple[Accelerator, ...]], bool]:
    closing = {"{": "}", "[": "]"}[written[0]]
    if not written.endswith(closing):
        raise place.error(f"{fields.describe(written)} has no closing {closing}")
    parts = [part.strip() for part in written[1:-1].split(",") if part.strip()]
    found = [_one(re.sub(r"""["'\s]""", "", part), place) for part in parts]
    return _choices(found), closing == "]" and len(found) > 1


def _pair(key: str, count: object, place: Place) -> Accelerator:
    if count is None:  # {A100:1, V100:1}: without a space the colon belongs to the key
        return _one(key, place)
    if ":" in key and not _memory_name(key):
        raise place.error(f"{fields.describe(key)} has two counts")
    return _device(key, fields.number(count, place, 0, MAX_COUNT), place)


def _one(value: object, place: Place) -> Accelerator:
    if isinstance(value, dict):
        raise place.error("must be text here", hint="In a list write A100:1, without a space after the colon.")
    written = fields.word(value, place)
    if _memory_name(written):
        return _device(written, 1, place)
    name, colon, count = written.rpartition(":")
    if not colon:
        return _device(written, 1, place)
    if not _COUNT.fullmatch(count.strip()):
        raise place.error(f"{fields.describe(written)} has no count after the colon; {_FORMS}")
    return _device(name, fields.number(count.strip(), place, 0, MAX_COUNT), place)


def _memory_name(name: str) -> bool:
    maker, _, size = name.rpartition(":")
    return _MEMORY.fullmatch(size.strip()) is not None and ":" not in maker


def _device(name: str, count: float, place: Place) -> Accelerator:
    name = name.strip()
    if count <= 0:
        raise place.error(f"must ask for more than 0 devices, not {fields.describe(count)}")
    if float(count).is_integer():
        count = int(count)
    maker, _, size = name.rpartition(":")
    memory = _MEMORY.fullmatch(size.strip())
    if memory and (not maker or _NAME.fullmatch(maker)):
        gib = int(memory[1])
        if not gib:
            raise place.error("must ask for more than 0 GB")
        return Accelerator(f"{maker.lower()}:{gib}GB{memory[2]}" if maker else f"{gib}GB{memory[2]}", count, gib)
    if not _NAME.fullmatch(name):
        raise place.error(f"{fields.describe(name)} names no accelerator; {_FORMS}")
    return Accelerator(name, count)
