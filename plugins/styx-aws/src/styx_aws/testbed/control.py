"""The testbed's switches over HTTP, and what it knows of itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from styx_aws import policy
from styx_aws.testbed.bed import Bed
from styx_aws.testbed.habits import ALWAYS_ON, Refusal
from styx_aws.testbed.things import things

Words = Mapping[str, Any]


class Misuse(Exception):
    """What was asked for wrongly, and how it is asked for, in a sentence."""


def control(bed: Bed, name: str, words: Words) -> Any:
    """Do what is named, and answer with what can be written as JSON. Raises Misuse."""
    if name not in _COMMANDS:
        raise Misuse(f"there is no {name!r} here; there are {', '.join(sorted([*_COMMANDS, 'address']))}")
    if not isinstance(words, Mapping):
        raise Misuse("POST a JSON object")
    with bed.lock:
        bed.life.tick()
        return _COMMANDS[name](bed, words)


def _habits(bed: Bed, words: Words) -> dict[str, str]:
    known = [each.name for each in dataclasses.fields(bed.habits)]
    for habit, value in words.items():
        if habit not in known:
            raise Misuse(f"there is no habit {habit!r}; there are {', '.join(known)}")
        if habit in _NAMES:
            if not isinstance(value, list | None):
                raise Misuse(f"{habit} is a list of names")
            for name in value or ():
                _NAMES[habit](name)
    for habit, value in words.items():
        was = getattr(bed.habits, habit)
        is_set = isinstance(was, set) or (was is None and isinstance(value, list))  # which JSON has not
        setattr(bed.habits, habit, set(value) if is_set else value)
    return {name: str(getattr(bed.habits, name)) for name in known}


def _refuse(bed: Bed, words: Words) -> None:
    fields = {each.name: each for each in dataclasses.fields(Refusal)}
    unfit = [name for name, value in words.items() if name not in fields or type(value).__name__ != fields[name].type]
    if unfit or not {"action", "code"} <= words.keys():
        said = ", ".join(f"{name} ({each.type})" for name, each in fields.items())
        raise Misuse(
            f"{', '.join(unfit) or 'that'} cannot be understood; "
            f'POST {{"action": "ec2:RunInstances", "code": "VcpuLimitExceeded"}}, and of these what is wanted: {said}'
        )
    _action(words["action"])
    bed.habits.refuse(**words)


def _interrupt(bed: Bed, words: Words) -> None:
    try:
        bed.life.interrupt(bed.instance(words["instance_id"]), float(words.get("seconds", 120)))
    except (KeyError, TypeError, ValueError) as error:
        raise Misuse(
            f'there is no such instance, or pause: {error}; POST {{"instance_id": "i-...", "seconds": 120}}'
        ) from error


def _action(name: object) -> None:
    if name not in policy.declared():
        raise Misuse(
            f"{name!r} is no action that Styx asks for, like ec2:RunInstances; `styx check aws --policy` has all"
        )


def _region(name: object) -> None:
    if name in ALWAYS_ON:
        raise Misuse(f"{name} is on for every account: those alone can be off that have to be switched on")


# The habits that are lists of names, each with what raises Misuse for one that would change nothing.
_NAMES: Mapping[str, Callable[[object], None]] = {
    "denied": _action, "allowed": _action, "expired": lambda _: None, "regions_off": _region,
}  # fmt: skip
_COMMANDS: Mapping[str, Callable[[Bed, Words], Any]] = {
    "habits": _habits,
    "refuse": _refuse,
    "interrupt": _interrupt,
    "calls": lambda bed, _: [dataclasses.astuple(call) for call in bed.calls],
    "instances": lambda bed, _: {each.id: each.state for each in bed.instances()},
    "things": lambda bed, _: list(things(bed)),
    "changes": lambda bed, _: bed.history.number,
}
