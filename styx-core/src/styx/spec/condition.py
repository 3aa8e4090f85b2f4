"""Whether a task runs, now that all that it comes after have ended: the one rule, whoever runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from styx.spec.model import Condition, Output

# How a task has ended, after its name, by the state it ended in.
FATES = {
    "succeeded": "",
    "failed": "failed",
    "failed_setup": "failed in its setup",
    "failed_no_resources": "found no resources",
    "cancelled": "was cancelled",
    "skipped": "was left out",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that others come after. ``how`` says what became of it, after its name; empty where it has succeeded.

    ``failed``: or was cancelled, or was left out because another one had failed.
    """

    name: str
    how: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why a task does not run; ``failure`` where that is because another has failed, which is passed on."""

    reason: str
    failure: bool = False


def left_out(wish: Condition, before: Sequence[Ended], outputs: Mapping[Output, str]) -> LeftOut | None:
    """Why a task with this condition is left out; None when it runs. ``outputs`` are what those before have given."""
    failed = next((each for each in before if each.failed), None)
    if wish.outcome == "always":
        return None
    if wish.outcome == "failure":
        return None if failed else LeftOut("nothing has failed that it comes after")
    if failed:
        return LeftOut(f"{failed.name} {failed.how}", failure=True)
    other = next((each for each in before if each.how), None)
    if other:
        return LeftOut(f"{other.name} {other.how}")
    return _unequal(wish, outputs)


def _unequal(wish: Condition, outputs: Mapping[Output, str]) -> LeftOut | None:
    if wish.output is None:
        return None
    found = outputs.get(wish.output)
    if (found == wish.value) is wish.equal:
        return None
    what = "was not given" if found is None else f"is {found!r}"
    return LeftOut(f"{wish.output.name} of {wish.output.task} {what}")
