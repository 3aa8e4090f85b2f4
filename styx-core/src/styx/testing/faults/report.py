"""The list of points, as it is printed and kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from styx.testing.faults.harness import Total
from styx.testing.faults.trial import Outcome

_SHOWN = 60  # characters of what a client said, in a list


def line(outcome: Outcome) -> str:
    """One point in one line."""
    if not outcome.reached:
        return f"unreached  {outcome.point}"
    harms = sorted({str(flaw.harm) for flaw in outcome.flaws})
    return f"{'+'.join(harms) if harms else 'ok':<10} {outcome.point} -> {' | '.join(map(_short, outcome.story))}"


def details(outcome: Outcome) -> str:
    """All about a point with flaws."""
    story = "\n".join(f"    {part}" for part in outcome.story)
    flaws = "\n".join(f"  ! {flaw}" for flaw in outcome.flaws)
    return f"{line(outcome)}\n{story}\n{flaws}"


def written(total: Total) -> Iterator[str]:
    """The whole report, line by line: points in order, the calls, what was left out and why, what is wrong."""
    outcomes = sorted(total.outcomes, key=_key)
    yield from map(line, outcomes)
    calls = Counter((outcome.point.operation, outcome.point.method) for outcome in outcomes if outcome.reached)
    for (operation, method), number in sorted(calls.items()):
        yield f"tried      {number} x {method} of {operation}"
    for why, number in sorted(total.skipped.items()):
        yield f"left out   {number} x {why}"
    yield from (f"broken     {what}" for what in total.broken)
    yield from (details(outcome) for outcome in outcomes if outcome.flaws)
    yield total.line


def _key(outcome: Outcome) -> tuple[str, str, int, str, str]:
    point = outcome.point
    return point.variant, point.operation, point.call, point.fault, point.then


def _short(part: str) -> str:
    text = " ".join(part.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
