"""A server's processes, itself and all that it has started: what they hold, when they are idle, and their end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from threading import Event, Thread
from typing import Self

import psutil

IDLE = 0.05  # CPU seconds that idle processes take in a second
AT_LEAST, AT_MOST = 5, 60  # seconds to wait until they are
SHARE = 0.1  # of the time that is spent on looking for a peak
LEAST_FREE = 1.5  # GiB that are left to everybody else


def members(root: int) -> list[psutil.Process]:
    """The process, its descendants, and what is left in its session of those whose parent is gone."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if process.pid == root or os.getsid(process.pid) == root:
                found |= {process, *process.children(recursive=True)}
    return [process for process in found if _lives(process)]


def memory(root: int) -> tuple[float, int]:
    """What they hold (MiB; of pages that several share, each has its part), and how many they are."""
    tree = members(root)
    held = 0
    for process in tree:
        with suppress(psutil.Error):
            held += process.memory_full_info().pss
    return held / 1024**2, len(tree)


def worked(root: int) -> float:
    """CPU seconds of all of them so far, and of those that have ended and were waited for."""
    seconds = 0.0
    for process in members(root):
        with suppress(psutil.Error):
            used = process.cpu_times()
            seconds += used.user + used.system + used.children_user + used.children_system
    return seconds


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
    return float(psutil.virtual_memory().available) / 1024**3


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
        for process in tree:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.01)  # and look again for what one of them was just about to start


def _lives(process: psutil.Process) -> bool:
    """Whether it has not ended: a zombie has, and nobody has asked how."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
