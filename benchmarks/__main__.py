"""``python -m benchmarks [PART...]``: measure everything or the parts named; exits 1 when a promise is not kept."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from benchmarks.report import Figure, show

PARTS = ("startup", "state", "launching", "cataloguing", "optimizing", "size")


def _figures(name: str, scratch: Path) -> list[Figure]:
    """Measure one part. In a process of its own: the kernel counts its peak memory as that of its children too."""
    return list(import_module(f"benchmarks.{name}").figures(scratch))


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
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                figures += alone.submit(_figures, name, Path(scratch)).result()
    print(show(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
