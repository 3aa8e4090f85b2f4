"""Checks of single values, each of which returns the value or raises InvalidTask with a full sentence.

Written by hand rather than as pydantic models: a task is a small language with many forms of one field, each with a
message of its own, lines to point at and SkyPilot's spellings to accept. It also starts faster: importing pydantic
alone takes several times as long as reading a task does.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from styx.spec.place import Listed, Mapped, Place
from styx.spec.suggest import did_you_mean

# Controls, line separators, and the marks that reverse the direction of text and so hide what it says.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NUL = re.compile("\x00")  # no environment variable, argument or path can hold one

MAX_DEPTH = 50
MAX_VALUES = 100_000


def describe(value: object) -> str:
    """A value as messages show it: ``'4x'``, ``3``, ``true``, ``a list``. Never more than a few words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value) if len(value) <= 60 else f"{value[:57]!r}..."
        case int() | float():
            text = f"{value:g}" if isinstance(value, float) or abs(value) >= 10**15 else str(value)
            return text
        case Mapping():
            return "a mapping"
        case list() | tuple() | set() | frozenset():
            return "a list"
    return f"a {type(value).__name__}"


def text(value: object, place: Place, *, lines: bool = False) -> str:
    """A string that shows as what it is: no control characters. With ``lines`` only NUL is refused, as in a script."""
    if not isinstance(value, str):
        raise place.error(f"must be text, not {describe(value)}", hint=_quote(value))
    bad = _NUL.search(value) if lines else _HIDDEN.search(value)
    if bad:
        raise place.error(f"holds the control character {ascii(bad.group())}")
    return value


def word(value: object, place: Place) -> str:
    """Text that is not empty, on one line; a number is taken as it is written."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    found = text(value, place).strip()
    if not found:
        raise place.error("must not be empty")
    return found


def _quote(value: object) -> str | None:
    if isinstance(value, (bool, int, float)):
        return "Put it in quotes to make it text."
    return None


def flag(value: object, place: Place) -> bool:
    """A boolean."""
    if not isinstance(value, bool):
        raise place.error(f"must be true or false, not {describe(value)}")
    return value


def integer(value: object, place: Place, low: int, high: int) -> int:
    """A whole number within limits; digits in text count as one."""
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, str) and value.strip().lstrip("+-").isdecimal() and len(value) <= 20:
        number = int(value)
    if number is None:
        raise place.error(f"must be a whole number, not {describe(value)}")
    return within(number, place, low, high)


def number(value: object, place: Place, low: float, high: float) -> float:
    """A finite number within limits; text that is one counts."""
    if isinstance(value, str):
        try:
            value = float(value) if len(value) <= 40 and "_" not in value else value
        except ValueError:
            pass
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise place.error(f"must be a number, not {describe(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise place.error(f"must be a finite number, not {value}")
    return float(within(value, place, low, high))


N = TypeVar("N", int, float)


def within(value: N, place: Place, low: float, high: float) -> N:
    """The number itself when it lies within the limits, which are allowed themselves."""
    if not low <= value <= high:
        raise place.error(f"must be from {describe(low)} to {describe(high)}, not {describe(value)}")
    return value


def one_of(value: object, place: Place, choices: Collection[str], fold: Callable[[str], str] = str.lower) -> str:
    """One of a few words, in any case."""
    found = text(value, place).strip()
    folded = fold(found)
    if folded not in choices:
        known = ", ".join(choices)
        raise place.error(f"{describe(found)} is not one of {known}", hint=did_you_mean(found, choices))
    return folded


def mapping(value: object, place: Place) -> Mapping[str, object]:
    """A mapping, with text as its keys; nothing at all is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise place.error(f"must be a mapping, not {describe(value)}")
    return value


def items(value: object, place: Place) -> list[object]:
    """A list; nothing at all is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise place.error(f"must be a list, not {describe(value)}")
    return value


def strings(value: object, place: Place) -> dict[str, str]:
    """A mapping of text to text; numbers are taken as they are written."""
    found = mapping(value, place)
    return {key: scalar(each, place.at(found, key)) for key, each in found.items()}


def scalar(value: object, place: Place) -> str:
    """Text, or a number or boolean as Python writes it, which is what SkyPilot makes of it."""
    if isinstance(value, (bool, int, float)):
        return str(value)
    return text(value, place, lines=True)


def known_keys(value: Mapping[str, object], place: Place, known: Collection[str], what: str) -> None:
    """Raise for the first key that is not one of ``known``, with the closest that is."""
    for key in value:
        if key not in known:
            at = place.at(value, key)
            hint = did_you_mean(key, known) or f"{what.capitalize()} takes {', '.join(sorted(known))}."
            raise Place(at.file, place.field, at.line).error(f"{what} has no field {describe(key)}", hint=hint)


def plain(value: object, place: Place, depth: int = 0, budget: list[int] | None = None) -> object:
    """A copy of plain data that may go on: finite numbers, text that is text, keys made text, a limited size."""
    budget = [MAX_VALUES] if budget is None else budget
    budget[0] -= 1
    if budget[0] < 0:
        raise place.error(f"holds more than {MAX_VALUES} values")
    if depth > MAX_DEPTH:
        raise place.error(f"is nested more than {MAX_DEPTH} levels deep, or holds itself")
    match value:
        case None | bool():
            return value
        case int():
            if abs(value) >= 1 << 64:
                raise place.error("is a number beyond 64 bits")
            return int(value)
        case float():
            if not math.isfinite(value):
                raise place.error(f"must be a finite number, not {value}")
            return float(value)
        case str():
            return _encodable(str(value), place)
        case os.PathLike():
            return _encodable(os.fsdecode(value), place)
        case Mapping():
            return _plain_mapping(value, place, depth, budget)
        case list() | tuple():
            copied = Listed(value.line) if isinstance(value, Listed) else []
            if isinstance(value, Listed):
                copied.lines = value.lines
            copied.extend(plain(each, place.at(value, index), depth + 1, budget) for index, each in enumerate(value))
            return copied
    raise place.error(f"cannot be {describe(value)}: only text, numbers, booleans, lists and mappings can")


def _plain_mapping(value: Mapping[object, object], place: Place, depth: int, budget: list[int]) -> dict[str, object]:
    copied: dict[str, object] = {}
    if isinstance(value, Mapped):
        copied = Mapped(value.line)
        copied.lines = value.lines
    for key, each in value.items():
        if isinstance(key, (list, tuple, Mapping)) or not isinstance(key, (str, int, float, type(None))):
            raise place.error(f"has a key that is {describe(key)}, not text")
        name = _encodable(str(key), place)
        if name in copied:
            raise place.error(f"has the key {describe(name)} twice")
        copied[name] = plain(each, place.at(value, name), depth + 1, budget)
    return copied


def _encodable(value: str, place: Place) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise place.error(f"{ascii(value)[:60]} holds half of a surrogate pair, which is not text") from None
    return value
