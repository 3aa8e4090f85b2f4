"""Jobs done several at a time, by threads that keep no process alive that wants to end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

# Does something, and may return further jobs that it has brought about, which come before those that wait.
Job = Callable[[], "Iterable[Job] | None"]


def work(jobs: Iterable[Job], hands: int) -> None:
    """Do every job, ``hands`` at a time, each taken when a hand is free. Returns when all are done.

    After the first that fails no further one is begun; its error is raised once those that were begun are over.
    """
    shift = _Shift(iter(jobs))
    threads = [threading.Thread(target=shift.work, name=f"s3-{number}", daemon=True) for number in range(hands)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        shift.end()  # also where we are interrupted as we wait
    if shift.failures:
        raise shift.failures[0]


class _Shift:
    """What the hands of one call share. Whatever is raised in it belongs to the thread that waits."""

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._waiting = [jobs]
        self._busy = 0
        self._over = False
        self._change = threading.Condition()
        self.failures: list[BaseException] = []

    def work(self) -> None:
        """Do jobs until there are no more, and none is being done that could bring some about."""
        with self:
            while (job := self._take()) is not None:
                more = job()
                with self._change:
                    self._busy -= 1
                    if more is not None:
                        self._waiting.append(iter(more))
                    if more is not None or not self._busy:
                        self._change.notify_all()

    def end(self) -> None:
        """Begin no further job."""
        with self._change:
            self._over = True
            self._change.notify_all()

    def _take(self) -> Job | None:
        with self._change:
            while not self._over:
                while self._waiting:
                    if (job := next(self._waiting[-1], None)) is not None:
                        self._busy += 1
                        return job
                    self._waiting.pop()
                if not self._busy:
                    return None
                self._change.wait()
            return None

    def __enter__(self) -> None:
        """Nothing to do before."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is not None:
            self.failures.append(error)
            self.end()
        return True
