"""``$NAME`` and ``${NAME}`` in paths, replaced by the task's own environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from styx.spec.place import Listed, Mapped, Place

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_ROUNDS = 8
_LIMIT = 1 << 16
_ALL = 1 << 17  # characters that variables may come to in a whole task


class Room:
    """What the variables of one task may come to, in all of it together."""

    def __init__(self) -> None:
        self._left = _ALL

    def take(self, count: int, place: Place) -> None:
        """Raise InvalidTask where no more are to be had."""
        self._left -= count
        if self._left < 0:
            raise place.error(f"is one too many: the task has more than {_ALL} characters in place of its variables")


def expand(written: str, envs: Mapping[str, str], place: Place, room: Room | None = None) -> str:
    """``written`` with every variable of ``envs`` replaced; others stay as they are. Expanding twice changes nothing.

    Secrets are not expanded: a path is shown in many places. Raises InvalidTask when variables refer to each other, and
    where there is no ``room`` for what has come of them.
    """
    text = written
    for _ in range(_ROUNDS):
        expanded = _once(text, envs, place)
        if expanded == text:
            if room is not None and text != written:
                room.take(len(text), place)
            return text
        text = expanded
    raise place.error("does not settle when its variables are replaced: they refer to each other")


def everywhere(value: object, envs: Mapping[str, str], place: Place, room: Room | None = None) -> object:
    """A copy of plain data in which every text is expanded, keys too. It knows the lines that the data knew."""
    room = room or Room()
    if isinstance(value, str):
        return expand(value, envs, place, room)
    if isinstance(value, list):
        items = Listed(value.line) if isinstance(value, Listed) else []
        items += [everywhere(each, envs, place.at(value, index), room) for index, each in enumerate(value)]
        return _with_lines(items, value)
    if isinstance(value, dict):
        found: dict[str, object] = Mapped(value.line) if isinstance(value, Mapped) else {}
        for key, each in value.items():
            at = place.at(value, key)
            name = expand(key, envs, at, room)
            if name in found:
                raise at.error(f"{name!r} is there twice once its variables are replaced")
            found[name] = everywhere(each, envs, at, room)
        return _with_lines(found, value)
    return value


def _with_lines(copied: object, value: object) -> object:
    if isinstance(copied, (Mapped, Listed)) and isinstance(value, (Mapped, Listed)):
        copied.lines = value.lines
    return copied


def _once(text: str, envs: Mapping[str, str], place: Place) -> str:
    room = _LIMIT

    def value(match: re.Match[str]) -> str:
        nonlocal room
        found = envs.get(match[1] or match[2], match[0])
        room -= len(found)
        if room < 0:  # said before it is built: a short text can stand for gigabytes
            raise place.error(f"has more than {_LIMIT} characters once its variables are replaced")
        return found

    return _REFERENCE.sub(value, text)
