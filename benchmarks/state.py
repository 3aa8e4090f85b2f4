"""The store against bare SQLite on the same disk."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.records import fill
from benchmarks.report import Figure
from styx.store import Store

CLUSTERS, UPDATES, READS = 1000, 200, 15


def figures(scratch: Path) -> Iterator[Figure]:
    """One committed and synced update, and reading everything."""
    home = scratch / "state"
    fill(home, CLUSTERS)
    bare = _bare(scratch / "bare.db")
    with Store.open(home=home) as store:
        pairs = []
        for number in range(UPDATES):
            ours = _seconds(partial(store.clusters.update, "cluster-7", task_name=f"t{number}"))
            pairs.append((ours, _seconds(partial(bare, number))))
        ratio = median(a for a, _ in pairs) / median(b for _, b in pairs)
        floor = 1000 * median(b for _, b in pairs)
        yield Figure("one state update, synced", 2, ratio, "x bare commit", f"1 ({floor:.2f} ms)")
        reading = median(_seconds(store.clusters.list) for _ in range(READS))
        yield Figure(f"reading {CLUSTERS:,} clusters", 10, reading * 1000, "ms", "3.3 ms")


def _bare(path: Path) -> Callable[[int], None]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id INTEGER, v TEXT);")
    connection.execute("INSERT INTO t VALUES (1, '')")

    def update(number: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE t SET v = ? WHERE id = 1", (f"t{number}",))
        connection.execute("COMMIT")

    return update


def _seconds(action: Callable[[], object]) -> float:
    """Seconds that the action takes, waiting for the disk included: a synced commit is mostly that."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
