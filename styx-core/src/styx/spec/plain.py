"""Plain data from outside, copied and checked: whatever a caller hands over, what goes on is small, finite text."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

from styx.spec.fields import describe
from styx.spec.place import Place

MAX_DEPTH = 50
MAX_VALUES = 100_000
MAX_BITS = 64
_LONGEST = 8192


def plain(value: object, place: Place) -> object:
    """A copy that may go on: finite numbers, real text, paths and keys made text, no cycles. Raises InvalidTask."""
    return _copy(value, place, 0, [MAX_VALUES])


def plain_mapping(value: object, place: Place) -> dict[str, object]:
    """The same for what has to be a mapping; nothing at all is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise place.error(f"must be a mapping, not {describe(value)}")
    return _mapping(value, place, 0, [MAX_VALUES])


def _copy(value: object, place: Place, depth: int, budget: list[int]) -> object:
    budget[0] -= 1
    if budget[0] < 0:
        raise place.error(f"holds more than {MAX_VALUES} values")
    if depth > MAX_DEPTH:
        raise place.error(f"is nested more than {MAX_DEPTH} levels deep, or holds itself")
    if isinstance(value, Mapping):
        return _mapping(value, place, depth, budget)
    if isinstance(value, (list, tuple)):
        return _list(value, place, depth, budget)
    return _scalar(value, place)


def _scalar(value: object, place: Place) -> object:
    match value:
        case None | bool():
            return value
        case int():
            if value.bit_length() > _LONGEST:
                raise place.error(f"is a number of more than {_LONGEST} bits")
            return int(value) if value.bit_length() <= MAX_BITS else str(int(value))  # as the reader does
        case float():
            if not math.isfinite(value):
                raise place.error(f"must be a finite number, not {value}")
            return float(value)
        case str():
            return _text(str(value), place)
        case os.PathLike():
            return _text(os.fsdecode(value), place)
    raise place.error(f"cannot be {describe(value)}: only text, numbers, booleans, lists and mappings can")


def _list(value: list[object] | tuple[object, ...], place: Place, depth: int, budget: list[int]) -> list[object]:
    return [_copy(each, place.at(value, index), depth + 1, budget) for index, each in enumerate(value)]


def _mapping(value: Mapping[object, object], place: Place, depth: int, budget: list[int]) -> dict[str, object]:
    copied: dict[str, object] = {}
    for key, each in value.items():
        if not isinstance(key, (str, int, float)):
            raise place.error(f"has a key that is {describe(key)}, not text")
        name = _text(str(key), place)
        if name in copied:
            raise place.error(f"has the key {describe(name)} twice")
        copied[name] = _copy(each, place.at(value, name), depth + 1, budget)
    return copied


def _text(value: str, place: Place) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        # Without the value, which may be a secret.
        raise place.error("holds half of a surrogate pair, which is not text") from None
    return value
