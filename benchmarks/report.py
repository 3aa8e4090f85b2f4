"""One line of the table, and the table."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: ``measured`` in ``unit`` must be at most ``asked``. ``floor`` says what nothing could be below."""

    what: str
    asked: float
    measured: float
    unit: str
    floor: str = ""

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.measured <= self.asked


def show(figures: Sequence[Figure]) -> str:
    """The table."""
    rows = [("WHAT", "ASKED", "MEASURED", "FLOOR", "")]
    for figure in figures:
        asked, measured = f"<= {figure.asked:g} {figure.unit}", f"{figure.measured:.3g} {figure.unit}"
        rows.append((figure.what, asked, measured, figure.floor, "ok" if figure.met else "MISSED"))
    return columns(rows)


def columns(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> str:
    """Rows of cells, one below the other; columns whose number is in ``right`` end in one line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
