"""Run one suite of wrong providers: ``python run.py SUITE REPORT``."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from registry import main

    sys.exit(main(*sys.argv[1:]))
