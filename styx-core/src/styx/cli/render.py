"""What people and programs read: plain tables, JSON, colours, and text that cannot play tricks on the terminal."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from decimal import Decimal

# Not compiled here: most programs never meet one, and start sooner.
_ESCAPE = r"(?s:\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?)"

_COLOURS = {
    "up": "green",
    "succeeded": "green",
    "enabled": "green",
    "ok": "green",
    "running": "cyan",
    "failed": "red",
    "failed_setup": "red",
    "lost": "red",
    "preempted": "red",
    "error": "red",
    "disabled": "red",
    "unknown": "yellow",
    "settling": "yellow",
    "cancelled": "yellow",
    "warning": "yellow",
}

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def clean(text: object) -> str:
    """The text on one line, without terminal escapes, control characters and bidirectional overrides."""
    word = str(text)
    if word.isprintable():
        return word
    word = re.sub(_ESCAPE, "", word)
    return "".join(c if c.isprintable() else " " if c in "\n\t" else "" for c in word)


def colours(stream: TextIO | None = None) -> bool:
    """Whether to colour what goes to ``stream`` (stdout): only on a terminal, and not against NO_COLOR."""
    stream = sys.stdout if stream is None else stream
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Left-aligned columns two spaces apart, with a line of headers. A cell that is None or empty shows as ``-``.

    Cells that are a state (``up``, ``failed``, ``ok``) are coloured when stdout shows colours.
    """
    body = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(headers, *body, strict=True)]
    paint = _painted if colours() else str
    lines = [_line(headers, widths, str), *(_line(row, widths, paint) for row in body)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], paint: Callable[[str], str]) -> str:
    last = len(cells) - 1
    padded = (
        paint(cell) if i == last else paint(cell) + " " * (widths[i] - _width(cell)) for i, cell in enumerate(cells)
    )
    return "  ".join(padded)


def _painted(cell: str) -> str:
    colour = _COLOURS.get(cell)
    return click.style(cell, fg=colour) if colour else cell


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else clean(value)


def _width(text: str) -> int:
    """Columns on the terminal: wide East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def json_text(value: object) -> str:
    """JSON for programs, with two spaces of indent."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, as in ``2025-01-31T09:30:00Z`` (with microseconds where there are any)."""
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def moment(time: datetime) -> str:
    """A moment for people, in UTC to the second: ``2025-01-31 09:30:00Z``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def money(cost: Decimal | int | None) -> str:
    """USD per hour for people: ``$0.10``, with more digits only below ten cents; ``-`` when unknown."""
    if cost is None:
        return "-"
    return f"${cost:.2f}" if not cost or cost * 10 >= 1 else f"${cost:.4f}"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in the largest unit that fits: ``12s``, ``5m``, ``3h``, ``2d``; ``-`` for None."""
    if moment is None:
        return "-"
    return duration(((now or datetime.now(UTC)) - moment).total_seconds())


def duration(seconds: float) -> str:
    """A length of time in its two largest units: ``12s``, ``5m 3s``, ``3h 20m``, ``2d 4h``."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    large, small, unit, sub, size = (
        (whole // _MINUTE, whole % _MINUTE, "m", "s", 1)
        if whole < _HOUR
        else (whole // _HOUR, whole % _HOUR, "h", "m", _MINUTE)
        if whole < _DAY
        else (whole // _DAY, whole % _DAY, "d", "h", _HOUR)
    )
    rest = small // size
    return f"{large}{unit} {rest}{sub}" if rest else f"{large}{unit}"


def note(text: str) -> None:
    """One line to the person at the terminal: stderr, so that stdout holds results only."""
    click.echo(text, err=True)
