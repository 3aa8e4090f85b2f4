"""Drawings of Dags: whoever reads the drawing knows the Dag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.dags.drawing import ASCII, LINES, Pen, draw


def test_a_fan_out_and_in() -> None:
    """One column for what all come after, and one for each that the last comes after."""
    assert draw([[], [0], [0], [0], [1, 2, 3]]) == [
        "●    ",
        "├─●  ",
        "├─│─●",
        "● │ │",
        "└─┴─●",
    ]


def test_a_chain_is_one_column() -> None:
    """Each stands below the one that it comes after."""
    assert draw([[], [0], [1]]) == ["●", "●", "●"]


def test_what_waits_for_nothing_stands_apart() -> None:
    """It is not drawn right below one that it does not come after."""
    assert draw([[], [], [1]]) == ["●  ", "  ●", "  ●"]


def read(lines: list[str], pen: Pen) -> list[set[int]]:
    """The Dag of a drawing, by the rules that its docstring gives."""
    found: list[set[int]] = []
    columns: dict[int, int] = {}
    for number, line in enumerate(lines):
        place = line.index(pen.task)
        joined = [at for at in range(0, place, 2) if line[at] in (pen.branch, pen.corner, pen.cross, pen.join)]
        found.append({columns[at] for at in [*joined, place] if at in columns})
        for at in joined:
            if line[at] in (pen.corner, pen.join):
                del columns[at]
        columns[place] = number
        if number + 1 < len(lines):  # a column that does not go on has ended
            below = lines[number + 1]
            columns = {at: task for at, task in columns.items() if at < len(below) and below[at] not in (" ", pen.line)}
    return found


@st.composite
def dags(draw_from: st.DrawFn) -> list[list[int]]:
    """For each task those before it that it comes after."""
    count = draw_from(st.integers(1, 12))
    return [draw_from(st.lists(st.integers(0, each - 1), unique=True)) if each else [] for each in range(count)]


@pytest.mark.parametrize("pen", [LINES, ASCII], ids=["lines", "ascii"])
@given(after=dags())
def test_the_drawing_tells_the_dag(pen: Pen, after: list[list[int]]) -> None:
    """Reading it gives the same edges, whatever they are."""
    assert read(draw(after, pen), pen) == [set(each) for each in after]
