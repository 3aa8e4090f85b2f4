"""What is going on, on stderr: a spinner on a terminal, one plain line for each step elsewhere."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from styx.cli.render import clean, note

if TYPE_CHECKING:
    from rich.status import Status

Report = Callable[[str, str], None]

NOTE = "note"  # the phase of what is to stay in sight, and is told once
TIME = "time"  # that of how long another took: in sight too, once there has been anything to see

# A spinner for something that is over before this many seconds would only flicker, and importing rich takes time too.
PATIENCE = 0.4


@contextmanager
def progress() -> Iterator[Report]:
    """A function to call with (phase, sentence) as work goes on; at the end nothing of a spinner is left."""
    if not fancy():
        yield _Lines()
        return
    spinner = _Spinner()
    try:
        yield spinner
    finally:
        spinner.stop()


def fancy() -> bool:
    """Whether stderr is a terminal that a spinner may draw on."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class _Lines:
    """Prints each new step once."""

    def __init__(self) -> None:
        self._last: tuple[str, str] | None = None
        self._notes: set[str] = set()

    def __call__(self, phase: str, sentence: str) -> None:
        if phase == NOTE:
            if sentence in self._notes:
                return
            self._notes.add(sentence)
        if (phase, sentence) != self._last:
            self._last = (phase, sentence)
            note(f"{clean(phase)}: {clean(sentence)}")


class _Spinner:
    """Shows the newest step, from PATIENCE seconds after the first one on, below the notes."""

    def __init__(self) -> None:
        self._text = ""
        self._notes: set[str] = set()
        self._timer: threading.Timer | None = None
        self._status: Status | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def __call__(self, phase: str, sentence: str) -> None:
        with self._lock:
            if phase in (NOTE, TIME):
                if phase == NOTE or self._status is not None:
                    self._keep(phase, clean(sentence))
                return
            self._text = f"{clean(phase)}: {clean(sentence)}"
            if self._timer is None:
                self._timer = threading.Timer(PATIENCE, self._start)
                self._timer.daemon = True
                self._timer.start()
            elif self._status is not None:
                self._status.update(_plain(self._text))

    def _keep(self, phase: str, sentence: str) -> None:
        if sentence in self._notes:
            return
        self._notes.add(sentence)
        if self._status is None:
            note(f"{phase}: {sentence}")
        else:  # above what it draws
            self._status.console.print(_plain(f"{phase}: {sentence}"), highlight=False, soft_wrap=True)

    def _start(self) -> None:
        from rich.console import Console
        from rich.status import Status

        with self._lock:
            if not self._stopped:
                self._status = Status(_plain(self._text), console=Console(stderr=True))
                self._status.start()

    def stop(self) -> None:
        """Remove the spinner. Idempotent."""
        with self._lock:
            self._stopped = True
            if self._timer is not None:
                self._timer.cancel()
            if self._status is not None:
                self._status.stop()
                self._status = None


def _plain(text: str) -> str:
    """The text with rich's markup switched off."""
    from rich.markup import escape

    return escape(text)
