"""Managed jobs that sleep, on the local cloud, a hundred at a time: ``python -m benchmarks.jobs_run``.

All must succeed, each having run once, and the server be no larger for a thousand of them than for ten.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from benchmarks.asking import Running
from benchmarks.report import Figure, show
from benchmarks.server import serving
from styx.jobs.model import JobOptions
from styx.jobs.submit import submit
from styx.sealing import Sealer
from styx.spec import Task
from styx.store import Store
from styx.store.managed import ManagedState
from styx.transports.process import user_name

TIMES = {10: 2.0, 100: 2.0, 1_000: 1.3}  # as long as it would take if nothing cost anything; few show the growth
AT_ONCE = 100
SECONDS = 10  # that each job sleeps
MEMORY = 300  # MiB
PATIENCE = 20.0  # times the ideal


def figures(root: Path, counts: Iterable[int] = TIMES) -> Iterator[Figure]:
    """How long it takes and how large the server becomes, by the number of jobs."""
    for count in counts:
        ideal = SECONDS * max(1.0, count / AT_ONCE)
        took, peak, cpu = _run(root / str(count), count)
        told = f"{took:.0f} s; the server {1000 * cpu / count:.0f} ms of CPU a job"
        yield Figure(
            f"{count:,} managed jobs of {SECONDS} s, {AT_ONCE} at a time",
            TIMES.get(count, 2.0),
            took / ideal,
            "x",
            told,
        )
        yield Figure("  the server's memory, at most", MEMORY, peak, "MiB")


def _run(home: Path, count: int) -> tuple[float, float, float]:
    """Seconds until all have ended, the most memory of the server (MiB), and its CPU seconds."""
    home.mkdir(mode=0o700)
    task = Task("sleep").run(f"echo $STYX_JOB_RANK >> {home}/done; sleep {SECONDS}")
    with Store.open(home=home) as store, serving(home, "--at-once", str(AT_ONCE)) as server:
        began, before = time.monotonic(), _cpu(server)
        sealer = Sealer.open(home)
        task = task.override({"infra": "local", "cpus": "0.1+"})
        jobs = submit(store, sealer, task, JobOptions(), user=user_name(), count=count)
        deadline = began + PATIENCE * SECONDS * max(1.0, count / AT_ONCE)
        while store.jobs.counts():
            if time.monotonic() > deadline:
                raise RuntimeError(f"jobs have not ended: {store.jobs.counts()}")
            time.sleep(0.2)
        took, cpu, peak = time.monotonic() - began, _cpu(server) - before, server.peak()
        failed = [
            job for job in map(store.jobs.get, (job.id for job in jobs)) if job.state is not ManagedState.SUCCEEDED
        ]
        ran = sorted(map(int, (home / "done").read_text().split()))
    if failed:
        raise RuntimeError(f"{len(failed)} jobs did not succeed, such as {failed[0].id}: {failed[0].reason}")
    if ran != list(range(count)):
        raise RuntimeError(f"{count} jobs ran {len(ran)} times")
    return took, peak, cpu


def _cpu(server: Running) -> float:
    """CPU seconds of the server itself."""
    used = psutil.Process(server.process.pid).cpu_times()
    return float(used.user + used.system)


def main() -> int:
    """Print the table; 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs_run", description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", metavar="JOBS", help="how many (default: 10, 100, 1000)")
    counts = tuple(parser.parse_args().counts) or tuple(TIMES)
    with tempfile.TemporaryDirectory(prefix="styx-bench-") as scratch:
        measured = []
        for figure in figures(Path(scratch), counts):
            print(show([figure]), file=sys.stderr, flush=True)
            measured.append(figure)
    print(show(measured))
    return 0 if all(figure.met for figure in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
