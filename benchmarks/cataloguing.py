"""The catalog: what a question costs over as many rows as the real ones have, and what making it ready costs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

from benchmarks.offers import ROWS, database, write_catalogs
from benchmarks.process import PYTHON, ROOT, STYX, compare, environment, run
from benchmarks.report import Figure
from benchmarks.timing import spent, typical
from styx.api.offers import Accelerator, Offer, OfferQuery
from styx.catalog.query import Catalog

LIST = (STYX, "gpus", "list", "A100")
A100 = (Accelerator("A100", 8),)
QUESTIONS = (
    ("A100:8", OfferQuery(accelerators=A100), 1),
    ("A100:8 as spot", OfferQuery(accelerators=A100, spot=True), 1),
    ("cheapest with 4+ vCPUs in each zone", OfferQuery(vcpus=4, cheapest=1), 10),
    ("5 with 64+ vCPUs, 256+ GiB in each zone", OfferQuery(vcpus=64, memory_gib=256, cheapest=5), 30),
    ("3 with 8 vCPUs in each zone", OfferQuery(vcpus=8, vcpus_at_most=8, cheapest=3), 30),
)
GROWTH = (1_000, 10_000, 100_000)
RUNS = 50
FLOOR = "SELECT p.id FROM types t JOIN prices p ON p.type = t.id WHERE t.wanted = 'a100' AND t.count = 8"


def figures(scratch: Path) -> Iterator[Figure]:
    """Whole processes, then queries in this one, then growth."""
    yield from _processes(scratch)
    with patch.dict(os.environ, STYX_HOME=str(scratch / "catalog-home")):
        databases = [database(folder) for folder in write_catalogs(scratch / "catalogs")]
        compiling = spent(lambda: [each.ask("SELECT 1") for each in databases])
        yield Figure(f"compiling {ROWS:,} offers of 5 clouds", 15, compiling / 1000, "s CPU")
        catalogs = [Catalog(each) for each in databases]
        floor = typical(lambda: [each.ask(FLOOR) for each in databases], RUNS)
        for what, query, asked in QUESTIONS:
            least = f"{floor:.2g} (finding the rows)" if query.accelerators else ""
            yield Figure(f"offers: {what}", asked, typical(partial(_ask, catalogs, query), RUNS), "ms", least)
    yield from _growth(scratch)


def _processes(scratch: Path) -> Iterator[Figure]:
    site = scratch / "site"
    # In a process of its own, because what this one has in memory would count as that of its children.
    make = f"from pathlib import Path; from benchmarks.offers import write_packages as w; w(Path({str(site)!r}))"
    run((PYTHON, "-c", make), environment(scratch / "made-home", PYTHONPATH=str(ROOT)))
    env = environment(scratch / "gpus-home", PYTHONPATH=str(site))
    yield Figure("styx gpus list A100, the first time", 20, run(LIST, env).cpu, "s CPU")
    seen = compare(LIST, (STYX, "--help"), env)
    yield Figure(f"styx gpus list A100, {ROWS:,} offers", 3, seen.ratio, "x styx --help", f"1 ({seen.base:.0f} ms)")
    yield Figure("its memory", 40, seen.peak, "MiB")
    seen = compare((STYX, "gpus", "list"), (STYX, "--help"), env, runs=7)
    yield Figure("styx gpus list", 3, seen.ratio, "x styx --help", "1")
    seen = compare((STYX, "catalog", "status"), (STYX, "--help"), env, runs=7)
    yield Figure("styx catalog status", 5, seen.ratio, "x styx --help", "1")


def _growth(scratch: Path) -> Iterator[Figure]:
    query = OfferQuery(accelerators=A100)
    for rows in GROWTH:
        folder = scratch / f"grown-{rows}"
        with patch.dict(os.environ, STYX_HOME=str(folder / "home")):
            catalogs = [Catalog(database(each)) for each in write_catalogs(folder / "catalogs", rows)]
            found = len(_ask(catalogs, query))
            measured = typical(partial(_ask, catalogs, query), RUNS)
        yield Figure(f"offers: A100:8 among {rows:,}, {found} found", 1, measured, "ms")
        shutil.rmtree(folder)


def _ask(catalogs: list[Catalog], query: OfferQuery) -> list[Offer]:
    return [offer for catalog in catalogs for offer in catalog.offers(query)]
