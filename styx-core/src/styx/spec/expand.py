"""``$NAME`` and ``${NAME}`` in paths, replaced by the task's own environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from styx.spec.place import Place

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_ROUNDS = 8
_LIMIT = 1 << 16


def expand(text: str, envs: Mapping[str, str], place: Place) -> str:
    """``text`` with every variable of ``envs`` replaced; others stay as they are. Expanding twice changes nothing.

    Secrets are not expanded: a path is shown in many places. Raises InvalidTask when variables refer to each other.
    """
    for _ in range(_ROUNDS):
        expanded = _once(text, envs, place)
        if expanded == text:
            return text
        text = expanded
    raise place.error("does not settle when its variables are replaced: they refer to each other")


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
