"""``styx --debug``: tracebacks, which nobody else gets to see."""

from __future__ import annotations

import os

VARIABLE = "STYX_DEBUG"


def switch_on() -> None:
    """From now on, also in programs that this one runs."""
    os.environ[VARIABLE] = "1"


def show(error: BaseException) -> None:
    """Print the traceback with all causes on stderr, if that was asked for."""
    if os.environ.get(VARIABLE):
        import traceback

        traceback.print_exception(error)
