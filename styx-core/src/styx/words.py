"""Sentences for people, that read as if somebody had written them, and lengths of time as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styx.api.offers import Accelerator

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST = 1_000_000  # of any unit


def count(number: float, noun: str) -> str:
    """A number of things: ``1 node``, ``2 nodes``, ``0.5 CPUs``."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"


def devices(accelerators: Iterable[Accelerator]) -> str:
    """So many of each: ``8x A100``; empty where there is none."""
    return ", ".join(f"{each.count:g}x {each.name}" for each in accelerators)


def sentences(*parts: str | None) -> str:
    """The parts that are there as sentences on one line: each ends with one full stop, or as it is written."""
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part)


def size(number: float) -> str:
    """A number of bytes in the largest unit that fits: ``512 B``, ``1.5 KiB``, ``20 GiB``."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
    power = 0
    while abs(number) >= 1024 and power < len(units) - 1:  # noqa: PLR2004 - what a KiB is
        number, power = number / 1024, power + 1
    return f"{number:.{0 if power == 0 or abs(number) >= 10 else 1}f} {units[power]}"  # noqa: PLR2004 - two digits


def span(text: str) -> float | None:
    """The seconds of a length of time with its unit: ``90s``, ``30m``, ``12h``, ``7d``; None for anything else."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and unit in _SECONDS and 0 < int(number) <= _MOST):
        return None
    return float(int(number) * _SECONDS[unit])
