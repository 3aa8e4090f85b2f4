"""``python -m benchmarks [PART...]``: measure everything or the parts named; exits 1 when a promise is not kept."""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.report import Figure, show

PARTS = ("startup", "state", "launching", "cataloguing", "optimizing", "size")


def main(names: list[str]) -> int:
    """Run the parts and print the table."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="styx-bench-") as scratch:
        for name in names or PARTS:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            figures.extend(import_module(f"benchmarks.{name}").figures(Path(scratch)))
    print(show(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
