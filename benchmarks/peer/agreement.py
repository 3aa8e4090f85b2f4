"""Whether both sides found the same: a comparison of two answers to different questions would be worth nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ROUNDING = 0.0001  # USD; prices that are put together from parts are a little off


class Agreement:
    """What both sides answered to each question, in words."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self.complete = True

    def add(self, what: str, theirs: Any, ours: Any) -> None:
        """Compare two answers: lists of (cloud, type, region, USD per hour), or a value."""
        same = _rounded(theirs) == _rounded(ours)
        self.complete &= same
        self._told[what.strip()] = _words(ours) if same else f"NO: SkyPilot {_words(theirs)}, Styx {_words(ours)}"

    def told(self) -> Iterator[str]:
        """A line for each question."""
        yield "BOTH FIND THE SAME" if self.complete else "THEY DO NOT FIND THE SAME"
        for what, story in self._told.items():
            yield f"  {what}: {story}"


def _rounded(answer: Any) -> Any:
    if not isinstance(answer, list):
        return answer
    return [(*place, round(price / ROUNDING)) for *place, price in answer]


def _words(answer: Any) -> str:
    if not isinstance(answer, list):
        return str(answer)
    total = sum(price for *_, price in answer)
    if len(answer) == 1:
        return f"{'/'.join(answer[0][:3])} at ${total:.5f}/h"
    return f"{len(answer)} machines, ${total:.4f}/h in all, the first {'/'.join(answer[0][:3])}"
