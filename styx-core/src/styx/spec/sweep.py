"""One document that stands for many tasks: ``foreach`` with a list, ``matrix`` with lists to combine."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

from styx.spec import fields
from styx.spec.place import Place
from styx.spec.variables import variable_name

KEYS = ("foreach", "matrix")
MAX_VARIATIONS = 10_000
INDEX, SIZE, VALUE = "STYX_SWEEP_INDEX", "STYX_SWEEP_SIZE", "STYX_SWEEP_VALUE"

_LABEL = re.compile(r"[A-Za-z0-9._]{1,40}")


class Variation(NamedTuple):
    """One task of a sweep: its name, the name that stands for all of them, and the variables that it gets."""

    name: str
    sweep: str
    envs: Mapping[str, str]


def variations(data: Mapping[str, object], place: Place) -> list[Variation]:
    """The tasks that a document stands for, in order; none when it is an ordinary task. Raises InvalidTask.

    ``foreach`` takes a number, a list of values (then each in ``STYX_SWEEP_VALUE``) or a list of mappings of variables,
    and makes NAME-0, NAME-1, ...; ``matrix`` takes a list for each variable, and makes NAME-a-b for every combination,
    or numbers where values cannot be part of a name. All have ``STYX_SWEEP_INDEX`` and ``STYX_SWEEP_SIZE``.
    """
    given = [key for key in KEYS if data.get(key) is not None]
    if not given:
        return []
    at = place.at(data, given[-1])
    if len(given) > 1:
        raise at.error("excludes foreach: keep one of the two")
    if data.get("name") is None:
        raise at.error("needs a name for its tasks to be called by")
    name = fields.name(data["name"], place.at(data, "name"))
    read = _foreach if given[0] == "foreach" else _matrix
    found = read(data[given[0]], at)
    labels = found.labels or [str(index) for index in range(len(found.envs))]
    return [
        Variation(f"{name}-{label}", name, {**envs, INDEX: str(index), SIZE: str(len(labels))})
        for index, (label, envs) in enumerate(zip(labels, found.envs, strict=True))
    ]


def refuse(data: Mapping[str, object], place: Place) -> None:
    """Raise InvalidTask for a document that stands for many tasks, where one is wanted."""
    for key in KEYS:
        if data.get(key) is not None:
            raise place.at(data, key).error(
                "stands for several tasks where one is wanted",
                hint="`styx dag run` runs them all; in Python, Task.foreach and Task.matrix give them.",
            )


class _Found(NamedTuple):
    envs: list[dict[str, str]]
    labels: list[str]  # none: numbers


def _foreach(value: object, place: Place) -> _Found:
    if isinstance(value, int) and not isinstance(value, bool):
        return _Found([{} for _ in range(fields.within(value, place, 1, MAX_VARIATIONS))], [])
    entries = _values(value, place)
    _limit(len(entries), place)
    found = [_entry(each, place.at(value, index)) for index, each in enumerate(entries)]
    return _Found(found, [])


def _entry(value: object, place: Place) -> dict[str, str]:
    if not isinstance(value, dict):
        return {VALUE: fields.scalar(value, place)}
    at = {key: place.at(value, key) for key in value}
    return {variable_name(key, at[key]): fields.scalar(each, at[key]) for key, each in value.items()}


def _matrix(value: object, place: Place) -> _Found:
    axes = fields.mapping(value, place)
    if not axes:
        raise place.error("must not be empty")
    read: dict[str, list[str]] = {}
    for key, each in axes.items():
        at = place.at(axes, key)
        texts = [fields.scalar(one, at.at(each, index)) for index, one in enumerate(_values(each, at))]
        read[variable_name(key, at)] = [*dict.fromkeys(texts)]
    _limit(math.prod(map(len, read.values())), place)
    combinations = list(product(*read.values()))
    plain = all(_LABEL.fullmatch(text) for texts in read.values() for text in texts)
    labels = ["-".join(each) for each in combinations] if plain else []
    return _Found([dict(zip(read, each, strict=True)) for each in combinations], labels)


def _values(value: object, place: Place) -> list[object]:
    found = fields.items(value, place)
    if not found:
        raise place.error("must not be empty")
    return found


def _limit(count: int, place: Place) -> None:
    if count > MAX_VARIATIONS:
        raise place.error(f"stands for {count} tasks, the limit is {MAX_VARIATIONS}")
