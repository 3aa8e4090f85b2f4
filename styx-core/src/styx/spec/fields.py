"""Checks of single values, each of which returns the value or raises InvalidTask with a full sentence.

Written by hand rather than as pydantic models: a task is a small language with many forms of one field, each with a
message of its own, lines to point at and SkyPilot's spellings to accept. It also starts faster: importing pydantic
alone takes several times as long as reading a task does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar, cast

from styx.api.errors import InvalidTask
from styx.spec.place import Place
from styx.spec.suggest import did_you_mean

# Controls, line separators, and the marks that reverse the direction of text and so hide what it says.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_NUL = re.compile("\x00")  # no environment variable, argument or path can hold one

MAX_NAME = 200
_SHOWN = 60  # characters of a value that a message shows
_LONGEST_NUMBER = 40
_BIG = 10**15


def describe(value: object) -> str:
    """A value as messages show it: ``'4x'``, ``3``, ``true``, ``a list``. Never more than a few words."""
    found = f"a {type(value).__name__}"
    match value:
        case None:
            found = "nothing"
        case bool():
            found = "true" if value else "false"
        case str():
            found = repr(value) if len(value) <= _SHOWN else f"{value[: _SHOWN - 3]!r}..."
        case int() | float():
            found = f"{value:g}" if isinstance(value, float) or abs(value) >= _BIG else str(value)
        case Mapping():
            found = "a mapping"
        case list() | tuple() | set() | frozenset():
            found = "a list"
    return found


def text(value: object, place: Place, *, lines: bool = False) -> str:
    """A string that shows as what it is: no control characters. With ``lines`` only NUL is refused, as in a script."""
    if not isinstance(value, str):
        raise place.error(f"must be text, not {describe(value)}", hint=_quote(value))
    bad = _NUL.search(value) if lines else _HIDDEN.search(value)
    if bad:
        raise place.error(f"holds the control character {bad.group()!a}")
    return value


def word(value: object, place: Place) -> str:
    """Text that is not empty, on one line; a number is taken as it is written."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = _written(value)
    found = text(value, place).strip()
    if not found:
        raise place.error("must not be empty")
    return found


def name(value: object, place: Place) -> str:
    """A name that people can read: one line, not endless."""
    found = word(value, place)
    if len(found) > MAX_NAME:
        raise place.error(f"has {len(found)} characters, the limit is {MAX_NAME}")
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
    if isinstance(value, str):
        whole = len(value) < _LONGEST_NUMBER and _WHOLE.fullmatch(value) is not None
    else:
        whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1
    if not whole:
        raise place.error(f"must be a whole number, not {describe(value)}")
    return within(int(cast("str | float", value)), place, low, high)


def number(value: object, place: Place, low: float, high: float) -> float:
    """A finite number within limits; text that is one counts."""
    if isinstance(value, str) and len(value) < _LONGEST_NUMBER and _DECIMAL.fullmatch(value):
        value = float(value)
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
    """Text, a number as it is written, or a boolean as Python writes it."""
    if isinstance(value, (bool, int, float)):
        return _written(value)
    return text(value, place, lines=True)


def _written(number: float) -> str:
    """A number as the file has it: 1.10 is not 1.1 where it is no number that is meant."""
    return str(getattr(number, "written", number))


def known_keys(value: Mapping[str, object], place: Place, known: Collection[str]) -> None:
    """Raise for the first key that is not one of ``known``, with the closest that is."""
    for key in value:
        if key not in known:
            hint = did_you_mean(key, known) or f"The fields here are {', '.join(sorted(known))}."
            raise unknown(value, key, place, hint)


def unknown(value: Mapping[str, object], key: str, place: Place, hint: str) -> InvalidTask:
    """The error for a key that does not exist."""
    return place.at(value, key).error("there is no field of this name", hint=hint)
