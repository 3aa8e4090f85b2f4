"""Whole processes: what CPU and memory they took by the kernel's own account, compared in pairs within one run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
STYX = str(Path(sys.executable).with_name("styx"))


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds (user and system) and peak memory (MiB) of one process, and what it said on standard error."""

    cpu: float
    peak: float
    said: str = ""


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user's environment with a Styx home of its own, and bytecode written as Python does by default."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STYX_", "PYTHON"))}
    return env | {"STYX_HOME": str(home)} | more


def run(command: Sequence[str], env: Mapping[str, str]) -> Usage:
    """Run a command to its end. Raises RuntimeError with what it said when it fails."""
    child = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert child.stderr is not None
    said = child.stderr.read().decode(errors="replace")
    child.stderr.close()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} failed ({child.returncode}): {said[-500:]}")
    return Usage(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said)


@dataclass(frozen=True, slots=True)
class Pairs:
    """A command beside its yardstick: median CPU of each (ms), the median of the pairs' ratios, peak memory (MiB)."""

    cpu: float
    base: float
    ratio: float
    peak: float


def compare(
    command: Sequence[str],
    base: Sequence[str],
    env: Mapping[str, str],
    *,
    runs: int = 15,
    before: Callable[[], object] = lambda: None,
) -> Pairs:
    """Run both in turn, ``runs`` times after one that does not count; ``before`` precedes each run of ``command``."""
    before()
    run(command, env)
    run(base, env)
    pairs = []
    for _ in range(runs):
        before()
        pairs.append((run(command, env), run(base, env)))
    return Pairs(
        cpu=1000 * median(ours.cpu for ours, _ in pairs),
        base=1000 * median(theirs.cpu for _, theirs in pairs),
        ratio=median(ours.cpu / theirs.cpu for ours, theirs in pairs),
        peak=max(ours.peak for ours, _ in pairs),
    )
