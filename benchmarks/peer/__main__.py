"""``python -m benchmarks.peer``: measure both sides and print the table; exits 1 when a promise is not kept."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peer import environment
from benchmarks.peer.agreement import Agreement
from benchmarks.peer.commands import commands
from benchmarks.peer.places import Places
from benchmarks.peer.servers import servers
from benchmarks.peer.sides import Side, alternate
from benchmarks.peer.table import Amount, Line, show
from benchmarks.peer.tasks import TASKS, Tasks
from benchmarks.process import run

TIMES = 30  # as fast as SkyPilot
PLAN, CHAIN = 10, 100  # ms


def main() -> int:
    """Print the table, and whether both sides said the same."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server stays behind then either
    programs = environment.ready()
    with tempfile.TemporaryDirectory(prefix="styx-peer-", ignore_cleanup_errors=True) as scratch:
        places = Places(Path(scratch), programs)
        subprocess.run((*places.write, places.site, places.catalogs), env=places.styx_env, check=True)
        run((places.styx, "gpus", "list"), places.styx_env)  # compiles the catalogs, once for all processes to come
        agreement, tasks = Agreement(), Tasks(places.scratch / "tasks")
        in_process = _in_process(places, tasks, agreement)
        lines = [*in_process, *commands(places, tasks.one), *servers(places, tasks.one)]
    print(show(lines))
    print("\n".join(agreement.told()))
    missed = [line for line in lines if isinstance(line, Line) and not line.met]
    return 1 if missed or not agreement.complete else 0


def _in_process(places: Places, tasks: Tasks, agreement: Agreement) -> Iterator[Line | Amount]:
    """Both sides warm, each in one process that stays."""
    with Side(places.sky_side, places.sky_env) as sky, Side(places.styx_side, places.styx_env) as styx:

        def line(what: str, ask: str, runs: int, *, times: float | None = TIMES, most: float | None = None) -> Line:
            print(f"measuring: {what.strip()} ...", file=sys.stderr, flush=True)
            theirs, ours = alternate(lambda: sky.ask(ask), lambda: styx.ask(ask), runs)
            agreement.add(what, theirs.answer, ours.answer)
            return Line(what, theirs, ours, times, most)

        for warm in (f"plan {tasks.one}", "list A100", f"parse {tasks.long}"):
            sky.ask(warm)
            styx.ask(warm)
        for needs, path in tasks.singles.items():
            agreement.add(f"cheapest for {needs}", sky.ask(f"plan {path}").answer, styx.ask(f"plan {path}").answer)
        yield line("plan of one task, A100:8", f"plan {tasks.one}", 15, most=PLAN)
        yield line("list of accelerators, A100", "list A100", 7)
        yield line("parsing and checking one task file", f"parse {tasks.long}", 51, times=None)
        styx.ask(f"chain {tasks.alike}")
        yield line(f"plan of {TASKS} tasks in a chain, 4 any_of each", f"chain {tasks.alike}", 3, most=CHAIN)
        yield line("  where no two tasks need the same", f"chain {tasks.chain}", 1)
        theirs, ours = (side.ask(f"parse {tasks.long}").peak for side in (sky, styx))
        yield Amount("memory of that process", theirs, ours)


if __name__ == "__main__":
    sys.exit(main())
