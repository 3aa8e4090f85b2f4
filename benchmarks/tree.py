"""A server's processes, itself and all that it has started: what they hold, when they are idle, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Self

IDLE = 0.05  # CPU seconds that idle processes take in a second
AT_LEAST, AT_MOST = 5, 60  # seconds to wait until they are
SHARE = 0.1  # of the time that is spent on looking for a peak
LEAST_FREE = 1.5  # GiB that are left to everybody else


def members(root: int) -> list[int]:
    """The process, its descendants, and what is left in its session of those whose parent is gone."""
    parents: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = _stat(int(entry.name))
                if fields[0] != "Z":  # ended, and nobody has asked how
                    parents[int(entry.name)] = int(fields[1]), int(fields[3])
    tree = {root, *(pid for pid, (_, session) in parents.items() if session == root)}
    grown = 0
    while grown < len(tree):
        grown = len(tree)
        tree |= {pid for pid, (parent, _) in parents.items() if parent in tree}
    return sorted(tree & parents.keys())


def memory(root: int) -> tuple[float, int]:
    """What they hold (MiB; of pages that several share, each has its part), and how many they are."""
    tree = members(root)
    return sum(map(_held, tree)) / 1024, len(tree)


def worked(root: int) -> float:
    """CPU seconds of all of them so far, and of those that have ended and were waited for."""
    ticks = 0
    for pid in members(root):
        with suppress(OSError):
            ticks += sum(map(int, _stat(pid)[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def settle(root: int) -> None:
    """Wait until they do nothing, as they do after the start."""
    began, before = time.monotonic(), worked(root)
    while time.monotonic() < began + AT_MOST:
        time.sleep(1)
        now = worked(root)
        if now - before < IDLE and time.monotonic() > began + AT_LEAST:
            return
        before = now


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill all of them, which outlive the first when it alone is told to end."""
    _kill(process.pid)
    process.wait()


def free() -> float:
    """GiB of memory that nobody needs."""
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) / 1024**2


class Peak:
    """The most that they hold while a block lasts (MiB), looked at from beginning to end but seldom enough.

    They are killed when they leave ``least_free`` GiB to nobody else, before the kernel chooses whom to kill.
    """

    def __init__(self, root: int, least_free: float = LEAST_FREE) -> None:
        self._root = root
        self._least_free = least_free
        self._over = Event()
        self._watch = Thread(target=self._look_on)
        self.held = 0.0

    def __enter__(self) -> Self:
        self._look()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        self._look()

    def _look(self) -> None:
        self.held = max(self.held, memory(self._root)[0])
        if free() < self._least_free:
            print(f"killed, for holding {self.held:.0f} MiB: process {self._root}", file=sys.stderr)
            _kill(self._root)

    def _look_on(self) -> None:
        took = 0.0
        while not self._over.wait(took * (1 / SHARE - 1)):
            began = time.monotonic()
            self._look()
            took = time.monotonic() - began


def _kill(root: int) -> None:
    while tree := members(root):
        for pid in tree:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)  # and look again for what one of them was just about to start


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` that come after the name: state, parent, group, session, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _held(pid: int) -> int:
    """KiB; 0 for one that has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
