"""Readers made to measure: of numbers and words within limits, of mappings and lists whose entries have readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from styx.spec import fields
from styx.spec.place import Place

Reader = Callable[[object, Place], object]
T = TypeVar("T")


def integer(low: int, high: int) -> Callable[[object, Place], int]:
    """A reader of a whole number within limits."""
    return lambda value, place: fields.integer(value, place, low, high)


def number(low: float, high: float) -> Callable[[object, Place], float]:
    """A reader of a number within limits."""
    return lambda value, place: fields.number(value, place, low, high)


def one_of(*choices: str) -> Callable[[object, Place], str]:
    """A reader of one of a few words, in any case."""
    return lambda value, place: fields.one_of(value, place, choices)


def keyed(readers: Mapping[str, Reader], *needed: str) -> Callable[[object, Place], dict[str, object]]:
    """A reader of a mapping with these fields, of which ``needed`` must be there. Null fields are left out."""

    def read(value: object, place: Place) -> dict[str, object]:
        found = fields.mapping(value, place)
        fields.known_keys(found, place, readers)
        for key in needed:
            if found.get(key) is None:
                raise place.error(f"needs a field {key!r}")
        return {key: readers[key](each, place.at(found, key)) for key, each in found.items() if each is not None}

    return read


def each_value(reader: Reader) -> Reader:
    """A reader of a mapping from any text to what ``reader`` reads."""

    def read(value: object, place: Place) -> dict[str, object]:
        found = fields.mapping(value, place)
        return {key: reader(each, place.at(found, key)) for key, each in found.items()}

    return read


def one_value(reader: Reader) -> Reader:
    """A reader of a mapping with one entry, from any text to what ``reader`` reads."""

    def read(value: object, place: Place) -> dict[str, object]:
        found = fields.mapping(value, place)
        if len(found) != 1:
            raise place.error(f"takes one entry, not {len(found)}")
        return {key: reader(each, place.at(found, key)) for key, each in found.items()}

    return read


def each_item(reader: Reader, *, most: int = 1000) -> Reader:
    """A reader of a list of what ``reader`` reads."""

    def read(value: object, place: Place) -> list[object]:
        found = fields.items(value, place)
        if len(found) > most:
            raise place.error(f"has {len(found)} entries, the limit is {most}")
        return [reader(each, place.at(found, index)) for index, each in enumerate(found)]

    return read


def some(reader: Callable[[object, Place], T]) -> Callable[[object, Place], list[T]]:
    """A reader of one of what ``reader`` reads or of several, each once."""

    def read(value: object, place: Place) -> list[T]:
        return [*dict.fromkeys(reader(each, place) for each in (value if isinstance(value, list) else [value]))]

    return read


def name_or(reader: Reader) -> Reader:
    """A reader of a name, or of a mapping that ``reader`` reads."""
    return lambda value, place: reader(value, place) if isinstance(value, dict) else fields.word(value, place)


def matching(pattern: str, what: str) -> Callable[[object, Place], str]:
    """A reader of a word of a certain shape; ``what`` says which, for messages."""
    shape = re.compile(pattern)

    def read(value: object, place: Place) -> str:
        found = fields.word(value, place)
        if not shape.fullmatch(found):
            raise place.error(f"must be {what}, not {fields.describe(value)}")
        return found

    return read
