"""How wide help is printed."""

from __future__ import annotations

import os

_UNKNOWN, _NARROWEST, _WIDEST = 80, 50, 80


def help_width() -> int:
    """The columns for help, as click would choose them; it asks shutil, whose import takes 3 ms of 40."""
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size().columns
    except (ValueError, OSError):  # not a number; not a terminal, or closed
        columns = _UNKNOWN
    return max(min(columns or _UNKNOWN, _WIDEST) - 2, _NARROWEST)
