"""From a task that was accepted to the first line of its output, and a hundred tasks at once, on this machine."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.report import Figure
from styx.api.backend import JobState
from styx.client.protocol import silent
from styx.clock import SystemClock
from styx.engine.engine import Engine
from styx.engine.phases import Phases
from styx.spec import Resources, Task

LAUNCHES, EXECS, FLEET = 11, 51, 100


def figures(scratch: Path) -> Iterator[Figure]:
    """Latencies (wall clock, median) and the fleet."""
    os.environ["STYX_HOME"] = str(scratch / "launching")
    new, existing, phases = asyncio.run(_latencies())
    yield Figure("accepted to first line, cluster there", 20, existing, "ms p50", "3.5 ms")
    yield Figure("accepted to first line, new cluster", 150, new, "ms p50", "69 ms")
    for phase, taken in phases.items():
        yield Figure(f"  of that, {phase}", 150, taken, "ms p50")
    os.environ["STYX_HOME"] = str(scratch / "fleet")
    seconds, lost, agent = asyncio.run(_fleet())
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Figure(f"{FLEET} launches at once", 15, seconds, "s", "5 s")
    yield Figure("lost of them", 0, lost, "", "0")
    yield Figure("memory of the control process", 100, own, "MiB", "46 MiB")
    yield Figure("memory of the largest agent", 30, agent, "MiB", "24 MiB")


def _task() -> Task:
    return Task("bench").run("echo first").resources(Resources().infra("local"))


async def _latencies() -> tuple[float, float, dict[str, float]]:
    """Until the first line on a new cluster, on one that is there, and what each phase of the former took (ms)."""
    engine = Engine.open()
    try:
        await _first_line(engine, "warm-up", fresh=True)
        timed: list[Phases] = []
        new = [await _first_line(engine, f"new-{number}", fresh=True, timed=timed) for number in range(LAUNCHES)]
        existing = [await _first_line(engine, "warm-up", fresh=False) for _ in range(EXECS)]
        for record in await engine.status():
            await engine.down(record.name, silent)
        took = {phase: median(each.seconds[phase] for each in timed) * 1000 for phase in timed[0].seconds}
        return median(new), median(existing), took
    finally:
        await engine.close()


async def _first_line(engine: Engine, cluster: str, *, fresh: bool, timed: list[Phases] | None = None) -> float:
    """Milliseconds from asking until the first byte of output is here; the phases of a launch go to ``timed``."""
    started = time.perf_counter()
    if fresh:
        phases = Phases(SystemClock(), silent)
        _, job, _ = await engine.launch(_task(), cluster, phases)
        phases.end()
        if timed is not None:
            timed.append(phases)
    else:
        job = await engine.exec(_task(), cluster, silent)
    logs = engine.logs(cluster, job, follow=True, tail=None, rank=None, offsets=None)
    chunk = await anext(aiter(logs))
    taken = time.perf_counter() - started
    assert chunk.data.startswith(b"first"), chunk
    async for _ in logs:
        pass
    return taken * 1000


async def _fleet() -> tuple[float, int, float]:
    """Seconds until all have ended, how many did not succeed, and the memory of the largest agent (MiB)."""
    engine = Engine.open()
    try:
        started = time.perf_counter()
        ends = await asyncio.gather(*(_run(engine, f"fleet-{number}") for number in range(FLEET)))
        seconds = time.perf_counter() - started
        agent = max(_resident(pid) for pid in _agents(engine))
        await asyncio.gather(*(engine.down(record.name, silent) for record in await engine.status()))
        return seconds, sum(end is not JobState.SUCCEEDED for end in ends), agent
    finally:
        await engine.close()


async def _run(engine: Engine, cluster: str) -> JobState:
    name, job, _ = await engine.launch(_task(), cluster, silent)
    assert job is not None
    return (await engine.wait(name, job)).state


def _agents(engine: Engine) -> list[int]:
    """The processes whose command line says that they are an agent of this home's clusters."""
    home = str(engine.context.home).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"daemon" in words and home in words:
                found.append(int(entry.name))
    return found


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
