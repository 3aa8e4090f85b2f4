"""Processes on this machine: who they are, across restarts of the agent and reboots, and ending them.

A process is (pid, start time, boot id): a pid alone is given to somebody else sooner or later.
"""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator


_LOOKS = 50  # at one that is becoming another program, a millisecond apart
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD among the flags of proc_pid_stat(5)


def boot_id() -> str:
    """Return the kernel's name for the time since it was booted."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on (field 3), or None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode().split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def start_time(pid: int) -> int | None:
    """Return when the process was started, in clock ticks since boot; None when it does not run (any more)."""
    fields = _stat(pid)
    if fields is None or fields[0] in "ZX":
        return None
    return int(fields[19])


class Identity:
    """One process for all times."""

    __slots__ = ("boot", "pid", "started")

    def __init__(self, pid: int, started: int, boot: str) -> None:
        self.pid = pid
        self.started = started
        self.boot = boot

    @classmethod
    def of(cls, pid: int) -> Identity:
        """Return who the running process with this pid is; 0 as its start time when it has just ended."""
        return cls(pid, start_time(pid) or 0, boot_id())

    @classmethod
    def parse(cls, line: str) -> Identity | None:
        """Invert :meth:`__str__`; None for anything else."""
        parts = line.split()
        if len(parts) != 3 or not (parts[0].isdigit() and parts[1].isdigit()):  # noqa: PLR2004
            return None
        return cls(int(parts[0]), int(parts[1]), parts[2])

    def __str__(self) -> str:
        return f"{self.pid} {self.started} {self.boot}"

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.boot == boot_id() and start_time(self.pid) == self.started


def _pids() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def marked(marker: bytes, prefix: bool = False) -> list[int]:
    """Return the processes started with ``marker`` (``NAME=value``, or how that begins) in their environment."""
    found = []
    for pid in _pids():
        try:
            variables = environment(pid)
        except OSError:
            continue  # gone, or another user's
        # An environment begins, and every variable in it ends, with a NUL once one is put in front.
        if (b"\0" + marker + (b"" if prefix else b"\0")) in b"\0" + variables and start_time(pid) is not None:
            found.append(pid)
    return found


def environment(pid: int) -> bytes:
    """Return what a process has in its environment. Raise OSError where it has gone, or is another user's."""
    for _ in range(_LOOKS):
        with open(f"/proc/{pid}/environ", "rb") as file:
            found = file.read()
        if found or not _between_programs(pid):
            break
        time.sleep(0.001)
    return found


def _between_programs(pid: int) -> bool:
    """Whether a process that showed no environment has one, or is about to have one.

    When it becomes another program, the memory of the one is gone before that of the other is filled. Threads of the
    kernel have none, and some programs are given none.
    """
    fields = _stat(pid)
    if fields is None or fields[0] in "ZX" or int(fields[6]) & _KERNEL_THREAD:
        return False
    start, end = int(fields[47]), int(fields[48])
    return not end or start != end


def group_members(group: int) -> list[int]:
    """Return the live processes of one process group."""
    found = []
    for pid in _pids():
        fields = _stat(pid)
        if fields is not None and fields[0] not in "ZX" and int(fields[2]) == group:
            found.append(pid)
    return found


def group_exists(group: int) -> bool:
    """Whether the process group has any member, dead ones that nobody has waited for included."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send(pids: list[int], number: int) -> None:
    """Send a signal to processes, those of other users and those just gone excepted."""
    for pid in pids:
        _send(os.kill, pid, number)


def send_group(group: int, number: int) -> None:
    """Send a signal to a process group, if it (still) exists."""
    _send(os.killpg, group, number)
    if number == signal.SIGTERM:
        _send(os.killpg, group, signal.SIGCONT)  # a stopped process would not see it


def _send(kill: Callable[[int, int], None], target: int, number: int) -> None:
    try:
        kill(target, number)
    except (ProcessLookupError, PermissionError):
        return
