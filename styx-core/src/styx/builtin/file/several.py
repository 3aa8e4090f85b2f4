"""Copying several files at a time: most of the time that a small one takes is waiting for the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

AT_ONCE = 8


def several(work: Iterable[Callable[[], object]]) -> None:
    """Do all of it, several at a time. The first that raises keeps the rest from being begun, and is raised.

    No more is handed out than is being done, for a program that ends waits for what was.
    """
    with ThreadPoolExecutor(AT_ONCE, "styx-file") as pool:
        running: set[Future[object]] = set()
        for one in work:
            if len(running) == AT_ONCE:
                over, running = wait(running, return_when=FIRST_COMPLETED)
                for each in over:
                    each.result()
            running.add(pool.submit(one))
        for each in running:
            each.result()
