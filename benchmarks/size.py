"""What a base install of styx-core brings along, in an environment of its own."""

from __future__ import annotations

import venv
from collections.abc import Iterator
from pathlib import Path

from benchmarks.install import install
from benchmarks.process import ROOT
from benchmarks.report import Figure


def figures(scratch: Path) -> Iterator[Figure]:
    """Distributions and bytes without bytecode."""
    environment = scratch / "size"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    install(python, "--constraint", str(ROOT / "constraints.txt"), str(ROOT / "styx-core"))
    site = next(environment.glob("lib/python*/site-packages"))
    distributions = sum(1 for _ in site.glob("*.dist-info"))
    files = (path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc")
    yield Figure("distributions of styx-core", 30, distributions, "", "96 (SkyPilot)")
    yield Figure(
        "their size without bytecode", 65, sum(path.stat().st_size for path in files) / 1e6, "MB", "459 MB (SkyPilot)"
    )
