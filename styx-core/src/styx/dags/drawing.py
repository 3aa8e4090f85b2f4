"""A Dag as a drawing of text: one line a task, and a column for each that others still come after.

::

    ●      prepare
    ├─●    train-0
    ├─│─●  train-1
    ● │ │  train-2
    └─┴─●  report

A line that comes from the left into a task joins those columns that it comes after; a task that stands in a column
comes after that one too. A column that is only crossed is not joined, and no task stands right below another that it
does not come after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Pen:
    """The characters of a drawing: a task, a column, and where a line leaves one that goes on or ends there."""

    task: str
    column: str
    line: str
    branch: str  # the first that a line leaves, and that goes on
    corner: str  # the first, and it ends
    cross: str  # a later one, and it goes on
    join: str  # a later one, and it ends


LINES = Pen("●", "│", "─", "├", "└", "┼", "┴")
ASCII = Pen("*", "|", "-", "+", "`", "#", "'")


def pen_for(encoding: str | None) -> Pen:
    """LINES, or ASCII where text of this encoding has no such characters."""
    try:
        "".join(astuple(LINES)).encode(encoding or "ascii")
    except UnicodeEncodeError:
        return ASCII
    return LINES


def draw(after: Sequence[Sequence[int]], pen: Pen = LINES) -> list[str]:
    """One line for each task, all of one width; ``after[n]`` are the tasks, all below n, that task n comes after."""
    left = [0] * len(after)  # of each task: how many still come after it
    for earlier in after:
        for each in set(earlier):
            left[each] += 1
    columns: list[int | None] = []
    lines: list[str] = []
    above = -1
    for number, earlier in enumerate(after):
        for each in set(earlier):
            left[each] -= 1
        joined = [column for column, task in enumerate(columns) if task in earlier]
        ending = {column for column in joined if not left[columns[column] or 0]}
        above = _place(joined, ending, columns, above)
        lines.append("".join(_cells(above, joined, ending, columns, pen)).rstrip())
        for column in ending:
            columns[column] = None
        columns[above] = number if left[number] else None
    width = max(map(len, lines), default=0)
    return [line.ljust(width) for line in lines]


def _place(joined: list[int], ending: set[int], columns: list[int | None], above: int) -> int:
    """The column of a task: that of the last it comes after, where that ends here; else a free one right of them."""
    if joined and joined[-1] in ending:
        return joined[-1]
    column = joined[-1] + 1 if joined else 0
    while column == above or (column < len(columns) and columns[column] is not None):
        column += 1
    columns += [None] * (column + 1 - len(columns))
    return column


def _cells(place: int, joined: list[int], ending: set[int], columns: list[int | None], pen: Pen) -> Iterator[str]:
    """The characters of a line: each column, and what is between it and the next."""
    start = joined[0] if joined else place
    for column, task in enumerate(columns):
        if column == place:
            yield pen.task
        elif column in joined:
            first = column == start
            over = column in ending
            yield (pen.corner if over else pen.branch) if first else (pen.join if over else pen.cross)
        elif task is not None:
            yield pen.column
        else:
            yield pen.line if start < column < place else " "
        yield pen.line if start <= column < place else " "
