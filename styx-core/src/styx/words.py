"""Sentences for people, put together so that they read as if somebody had written them."""

from __future__ import annotations


def count(number: float, noun: str) -> str:
    """A number of things: ``1 node``, ``2 nodes``, ``0.5 CPUs``."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"


def sentences(*parts: str | None) -> str:
    """The parts that are there as sentences on one line: each ends with one full stop, or as it is written."""
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part)
