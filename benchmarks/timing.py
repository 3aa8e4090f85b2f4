"""Calls within this process: the CPU time that they take."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median


def typical(work: Callable[[], object], runs: int = 9) -> float:
    """The median CPU time of a call in ms, after one that does not count."""
    work()
    return median(spent(work) for _ in range(runs))


def spent(work: Callable[[], object]) -> float:
    """The CPU time of one call in ms."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)
