"""How long until the first word: the command line and ``import styx``, against what they are built on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.process import PYTHON, STYX, compare, environment, run
from benchmarks.records import fill
from benchmarks.report import Figure

CLICK = (PYTHON, "-c", "import click")
CLUSTERS = 1000


def figures(scratch: Path) -> Iterator[Figure]:
    """Start-up as ratios of CPU time."""
    home = scratch / "home"
    env = environment(home)
    run((STYX, "--help"), env)  # writes the index
    for what, command, extra in (
        ("styx --help", (STYX, "--help"), {}),
        ("styx --version", (STYX, "--version"), {}),
        ("completing commands", (STYX,), _completing("styx la", 1)),
        ("completing options", (STYX,), _completing("styx launch --id", 2)),
    ):
        seen = compare(command, CLICK, env | extra)
        yield Figure(what, 1.4, seen.ratio, "x import click", f"1 ({seen.base:.0f} ms)")
    seen = compare((STYX, "--help"), CLICK, env, before=lambda: shutil.rmtree(home / "cache"))
    yield Figure("styx --help, index rebuilt", 2.5, seen.ratio, "x import click", "1")
    fill(home, CLUSTERS)
    seen = compare((STYX,), CLICK, env | _completing("styx down c", 2))
    yield Figure("completing cluster names", 1.7, seen.ratio, "x import click", "1")
    seen = compare((PYTHON, "-c", "import styx"), (PYTHON, "-c", "pass"), env, runs=25)
    yield Figure("import styx", 1.2, seen.ratio, "x python -c pass", f"1 ({seen.base:.0f} ms)")
    seen = compare((STYX, "status"), (STYX, "--help"), env, runs=7)
    yield Figure(f"styx status, {CLUSTERS:,} clusters", 8, seen.ratio, "x styx --help", "")
    yield Figure("its memory", 64, seen.peak, "MiB", "")


def _completing(words: str, position: int) -> dict[str, str]:
    return {"_STYX_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
