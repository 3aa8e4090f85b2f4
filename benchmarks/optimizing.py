"""The optimizer: one task, a chain and whole DAGs over a catalog as large as the real ones, and how that grows."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

from benchmarks.offers import ROWS, write_catalogs
from benchmarks.planning import catalogs_in, choices, planned
from benchmarks.process import PYTHON, ROOT, environment, run
from benchmarks.report import Figure
from benchmarks.timing import spent, typical
from styx.api.offers import Accelerator
from styx.catalog.query import Catalog
from styx.optimizer.dag import Objective
from styx.spec.model import Alternative

TASKS, OFFERS = (10, 100, 1_000), (1_000, 10_000, 100_000)
LIGHT = 5  # GiB on an edge at most: what grows is the number of tasks, not how hard they are
EIGHT = Alternative(accelerators=(Accelerator("A100", 8),))
FOUR = tuple(Alternative(accelerators=(Accelerator(name, 8),)) for name in ("A100", "H100", "V100", "T4"))


def figures(scratch: Path) -> Iterator[Figure]:
    """Single tasks among 129,000 offers, DAGs among 100,000, then growth."""
    homes = {rows: scratch / f"optimizing-{rows}" for rows in (*OFFERS, ROWS)}
    catalogs: dict[int, list[Catalog]] = {}
    for rows, home in homes.items():
        write_catalogs(home / "catalogs", rows)
        with patch.dict(os.environ, STYX_HOME=str(home)):
            catalogs[rows] = catalogs_in(home / "catalogs")
            choices(catalogs[rows], EIGHT)  # compiles them
    every = catalogs[ROWS]
    yield Figure(f"A100:8 among {ROWS:,} offers", 10, typical(partial(choices, every, EIGHT)), "ms")
    yield Figure("a task that says nothing", 100, typical(partial(choices, every, Alternative())), "ms")
    yield Figure("10 tasks, any of 4 devices each", 100, typical(partial(_ten, every)), "ms")
    home = homes[OFFERS[-1]]
    for objective in Objective:
        command = (PYTHON, "-m", "benchmarks.planning", str(home / "catalogs"), objective.value, "100")
        seen = [run(command, environment(home, PYTHONPATH=str(ROOT))) for _ in range(5)]
        what = f"100 tasks x 20 places, least {objective.value}, whole process"
        yield Figure(what, 2, median(each.cpu for each in seen), "s CPU")
        yield Figure("its memory", 200, max(each.peak for each in seen), "MiB")
    grown = {
        (tasks, rows): (spent if tasks > 100 else typical)(
            partial(planned, catalogs[rows], Objective.COST, tasks, gib=LIGHT)
        )
        for tasks in TASKS
        for rows in OFFERS
    }
    print(plot(grown))
    for tasks in TASKS[:2]:
        yield Figure(f"asking and planning {tasks} tasks x 20 places", 2000, grown[tasks, OFFERS[-1]], "ms")


def _ten(catalogs: list[Catalog]) -> None:
    for _ in range(10):
        choices(catalogs, *FOUR)


def plot(grown: dict[tuple[int, int], float]) -> str:
    """Milliseconds as bars, on a scale on which ten times as long is ten more signs."""
    lines = ["asking, ranking and planning a DAG, ms of CPU (every 10 signs are ten times as long)"]
    for (tasks, rows), taken in grown.items():
        bar = "#" * max(1, round(10 * math.log10(max(taken, 1.3))))
        lines.append(f"{tasks:>6,} tasks {rows:>8,} offers {taken:>9,.1f} {bar}")
    return "\n".join(lines)
