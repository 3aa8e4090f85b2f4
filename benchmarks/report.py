"""One line of the table, and the table."""

from __future__ import annotations

from collections.abc import Sequence
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
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
