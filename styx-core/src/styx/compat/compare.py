"""The first place in which two forms differ."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from styx.compat.forms import Form

_SHOWN = 60
_TASK = re.compile(r"tasks\[\d+\]")
_UNTOLD = ("inputs", "outputs", "event_callback", "api_server_access")


class Gap(NamedTuple):
    """Where two forms differ, as a path (``tasks[0].resources.list[1].cpus``), and what each has there."""

    path: str
    theirs: object
    ours: object

    def __str__(self) -> str:
        """The gap in one line."""
        return f"{self.path}: SkyPilot {_shown(self.theirs)}, Styx {_shown(self.ours)}"


def first_gap(theirs: Form, ours: Form) -> Gap | None:
    """Where the forms first differ, or None when they mean the same.

    Alternatives that say the same twice count once, and have an order only where more than one is left of them. Fields
    that verdicts need not tell of are compared where they do.
    """
    return _gap("", _settled(theirs), _settled(ours))


def _settled(form: Form) -> Form:
    tasks = form.get("tasks")
    return {**form, "tasks": [_settled_task(task) for task in (tasks if isinstance(tasks, list) else [])]}


def _settled_task(task: Form) -> Form:
    resources = task["resources"]
    assert isinstance(resources, dict)
    unique = list({_key(each): each for each in resources["list"]}.values())
    ordered = bool(resources["ordered"]) and len(unique) > 1
    return {**task, "resources": {"ordered": ordered, "list": unique if ordered else sorted(unique, key=_key)}}


def _key(value: object) -> str:
    """Equal for values that are equal, numbers by their value: 1 and 1.0 are one."""
    match value:
        case bool() | None:
            return json.dumps(value)
        case int() | float():
            return f"{float(value):.12g}"
        case list() | tuple():
            return f"[{','.join(_key(each) for each in value)}]"
        case dict():
            return f"{{{','.join(f'{json.dumps(key)}:{_key(each)}' for key, each in sorted(value.items()))}}}"
    return json.dumps(value, default=str)


def _gap(path: str, theirs: object, ours: object) -> Gap | None:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        untold = _UNTOLD if _TASK.fullmatch(path) else ()
        for key in (*theirs, *(key for key in ours if key not in theirs and key not in untold)):
            found = _gap(f"{path}.{key}" if path else str(key), theirs.get(key), ours.get(key))
            if found:
                return found
        return None
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = enumerate(zip(theirs, ours, strict=True))
        return next((found for index, pair in pairs if (found := _gap(f"{path}[{index}]", *pair))), None)
    return None if _key(theirs) == _key(ours) else Gap(path, theirs, ours)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
