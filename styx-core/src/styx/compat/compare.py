"""The places in which two forms differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
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


def gaps(theirs: Form, ours: Form) -> Iterator[Gap]:
    """Where the forms differ: nowhere when they mean the same.

    Alternatives that say the same twice count once, and have an order only where more than one is left of them. Fields
    that verdicts need not tell of are compared where they do.
    """
    yield from _gaps("", _settled(theirs), _settled(ours))


def _settled(form: Form) -> Form:
    tasks = form.get("tasks")
    return {**form, "tasks": [_settled_task(task) for task in (tasks if isinstance(tasks, list) else [])]}


def _settled_task(task: Form) -> Form:
    resources = task["resources"]
    assert isinstance(resources, dict)
    unique = list({_key(each): each for each in resources["list"]}.values())
    ordered = bool(resources["ordered"]) and len(unique) > 1
    return {**task, "resources": {"ordered": ordered, "list": unique if ordered else sorted(unique, key=_rank)}}


def _rank(alternative: Form) -> tuple[str, str]:
    """An order in which alternatives that differ in their labels alone stand at the same place."""
    return _key({key: each for key, each in alternative.items() if key != "labels"}), _key(alternative)


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


def _gaps(path: str, theirs: object, ours: object) -> Iterator[Gap]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        untold = _UNTOLD if _TASK.fullmatch(path) else ()
        for key in (*theirs, *(key for key in ours if key not in theirs and key not in untold)):
            yield from _gaps(f"{path}.{key}" if path else str(key), theirs.get(key), ours.get(key))
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, pair in enumerate(zip(theirs, ours, strict=True)):
            yield from _gaps(f"{path}[{index}]", *pair)
    elif _key(theirs) != _key(ours):
        yield Gap(path, theirs, ours)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
