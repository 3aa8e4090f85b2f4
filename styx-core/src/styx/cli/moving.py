"""How far a copy is: a spinner and a bar with its rate on a terminal, nothing elsewhere.

The line at the end is the command's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from styx.cli.progress import PATIENCE, fancy, progress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Moved = Callable[[int], None]


@contextmanager
def looking(what: str) -> Iterator[None]:
    """Show that something is looked at, if that takes a while."""
    if not fancy():
        yield
        return
    with progress() as report:
        report("storage", what)
        yield


@contextmanager
def moving(what: str, total: int) -> Iterator[Moved]:
    """A function to call, from any thread, with how many bytes have gone over since the last call."""
    if not fancy():
        yield lambda _count: None
        return
    bar = _Bar(what, total)
    try:
        yield bar
    finally:
        bar.stop()


class _Bar:
    """Shown from PATIENCE seconds after it was made, if something is still moving then."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total = what, total
        self._began = monotonic()
        self._done = 0
        self._shown: tuple[Progress, TaskID] | None = None
        self._lock = Lock()

    def __call__(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._shown is None and monotonic() - self._began > PATIENCE:
                self._shown = self._show()
            if self._shown is not None:
                shown, task = self._shown
                shown.update(task, completed=self._done)

    def _show(self) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TransferSpeedColumn as Rate

        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(),
            DownloadColumn(binary_units=True), Rate(), TimeRemainingColumn(),
        )  # fmt: skip
        shown = Progress(*columns, console=Console(stderr=True), transient=True)
        shown.start()
        return shown, shown.add_task(self._what, total=self._total)

    def stop(self) -> None:
        """Remove it. Idempotent."""
        with self._lock:
            if self._shown is not None:
                self._shown[0].stop()
                self._shown = None
