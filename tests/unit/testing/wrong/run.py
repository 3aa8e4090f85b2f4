"""Run one suite of wrong providers: ``python run.py SUITE REPORT``."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    sys.path[:0] = [str(here), str(here.parents[2])]  # the second for tests/support
    from registry import main

    sys.exit(main(*sys.argv[1:]))
