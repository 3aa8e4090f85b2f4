"""The parts of what is measured, each a module of its own."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from benchmarks.report import Figure

PARTS = ("startup", "state", "launching", "cataloguing", "optimizing", "ec2", "size", "server")
LONG = ("jobs_store", "jobs_run")  # minutes each: measured when they are named


def measure(part: str, scratch: Path) -> list[Figure]:
    """The figures of one part, which finds or puts its files below ``scratch``."""
    return list(import_module(f"benchmarks.{part}").figures(scratch))
