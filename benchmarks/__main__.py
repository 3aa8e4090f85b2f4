"""``python -m benchmarks [PART...]``: measure everything or the parts named; exits 1 when a promise is not kept."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.parts import LONG, PARTS, measure
from benchmarks.report import Figure, show


def main(names: list[str]) -> int:
    """Run the parts and print the table."""
    unknown = [name for name in names if name not in PARTS + LONG]
    if unknown:
        print(f"no part {unknown[0]!r}; there are {', '.join(PARTS + LONG)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="styx-bench-") as scratch:
        for name in names or PARTS:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            # In a process of its own, whose peak of memory the kernel counts as that of its children too.
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                try:
                    figures += alone.submit(measure, name, Path(scratch)).result()
                except RuntimeError as error:  # what was measured before, and what comes after, counts all the same
                    broken.append(f"{name} was not measured: {error}")
    print("\n".join([show(figures), *broken]))
    return 0 if all(figure.met for figure in figures) and not broken else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
