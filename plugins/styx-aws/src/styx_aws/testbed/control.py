"""The testbed's switches over HTTP, and what it knows of itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from styx_aws.testbed.bed import Bed
from styx_aws.testbed.things import things

Words = Mapping[str, Any]


def control(bed: Bed, name: str, words: Words) -> Any:
    """Do what is named, and answer with what can be written as JSON. Raises KeyError where there is no such thing."""
    with bed.lock:
        bed.life.tick()
        return _COMMANDS[name](bed, words)


def _habits(bed: Bed, words: Words) -> dict[str, str]:
    for habit, value in words.items():
        known = getattr(bed.habits, habit)
        is_set = isinstance(known, set) or (known is None and isinstance(value, list))  # which JSON has not
        setattr(bed.habits, habit, set(value) if is_set else value)
    return {each.name: str(getattr(bed.habits, each.name)) for each in dataclasses.fields(bed.habits)}


def _interrupt(bed: Bed, words: Words) -> None:
    bed.life.interrupt(bed.instance(words["instance_id"]), float(words.get("seconds", 120)))


_COMMANDS: Mapping[str, Callable[[Bed, Words], Any]] = {
    "habits": _habits,
    "refuse": lambda bed, words: bed.habits.refuse(**words),
    "interrupt": _interrupt,
    "calls": lambda bed, _: [dataclasses.astuple(call) for call in bed.calls],
    "instances": lambda bed, _: {each.id: each.state for each in bed.instances()},
    "things": lambda bed, _: list(things(bed)),
    "changes": lambda bed, _: bed.history.number,
}
