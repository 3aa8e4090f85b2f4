"""Who holds an operation, and whether that process still lives.

A process is (pid, start time, boot id): a pid alone is used again. The boot id carries the pid namespace too, because
the same pid in another container is another process.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

from styx.store.records import Holder

_PROC = Path("/proc")
_START_TIME = 19  # field 22 of /proc/PID/stat, counted from the one after the command name; see proc(5)


def current() -> Holder:
    """A new holder for this process. Each call makes another: two operations in one process exclude each other."""
    pid = os.getpid()
    return Holder(
        id=secrets.token_hex(8),
        pid=pid,
        started=_started(pid) or "",
        boot_id=_boot_id(),
        host=socket.gethostname(),
    )


def alive(holder: Holder) -> bool:
    """Whether the holder's process may still run. False only on proof, which only its own machine can give."""
    if not holder.started or holder.host != socket.gethostname() or holder.boot_id != _boot_id():
        return True
    started = _started(holder.pid)
    return _there(holder.pid) if started is None else started == holder.started


def _there(pid: int) -> bool:
    """Whether there is a process of which /proc shows nothing: those of other users can be hidden (hidepid)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def _started(pid: int) -> str | None:
    """When the process started, in clock ticks since boot; empty for a dead one, None for one that is not shown."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command name may hold spaces and parentheses
    if fields[0] in {"Z", "X"}:
        return ""
    return fields[_START_TIME]


def _boot_id() -> str:
    """This boot and pid namespace; empty where the kernel does not tell."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""
