"""How many people are at a terminal of this node over SSH.

Seen: every terminal that an SSH server opened (OpenSSH, dropbear, Tailscale), as the session leader that is its child
says, and, where /proc hides other users' processes (hidepid), what the server wrote to utmp, where that exists.

Not seen, on purpose: connections without a terminal. Styx's own are such (it never asks for one, except for
``styx ssh``, which is a person), and so are rsync, scp and port forwarding; but so are the remote sessions of editors,
which count only while a terminal is open in them. A tmux or screen left behind counts no more once its client is gone.

A local node shares the machine with its owner, whose logins are no business of the node's: there only terminals of
processes that carry the node's name count.
"""

from __future__ import annotations

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

SERVERS = frozenset({"sshd", "sshd-session", "dropbear", "tailscaled"})
_PTS_MAJORS = range(136, 144)
_USER_PROCESS = 7
_RECORD = struct.Struct("=hxxi32s4s32s256s")  # type, pid, line, id, user, host; what follows differs in size
_RECORD_SIZE = 400 if os.uname().machine in ("aarch64", "riscv64", "loongarch64") else 384


def count(node: str = "", root: str = "/") -> int:
    """Return how many interactive sessions there are; ``node`` is the local node's name, empty on a machine of its own.

    Costs a look at every process when there is any terminal at all: ask only when an answer matters.
    """
    proc = os.path.join(root, "proc")
    try:
        terminals = [name for name in os.listdir(os.path.join(root, "dev/pts")) if name.isdigit()]
    except OSError:
        terminals = []
    if not terminals:
        return 0
    if node:
        return len({terminal for pid, _, terminal in _at_terminals(proc) if _carries(proc, pid, node)})
    seen = {terminal for _, opener, terminal in _at_terminals(proc) if opener and _name(proc, opener) in SERVERS}
    seen.update(terminal for pid, terminal in _logged_in(root) if str(terminal) in terminals and _served(proc, pid))
    return len(seen)


def _at_terminals(proc: str) -> Iterator[tuple[int, int, int]]:
    """Yield (pid, opener, number of the terminal) of every live process at a pseudo-terminal.

    ``opener`` is the parent of a session's leader, which is what opened the terminal; 0 for all other processes.
    """
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        try:
            with open(os.path.join(proc, name, "stat"), "rb") as file:
                # state, parent, group, session, terminal, ...
                state, parent, _, session, terminal = file.read().rpartition(b")")[2].decode().split()[:5]
        except (OSError, ValueError):
            continue  # it has just ended
        device = int(terminal)
        major, minor = (device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xFFF00)
        if state not in "ZX" and major in _PTS_MAJORS:
            yield int(name), int(parent) if session == name else 0, (major - _PTS_MAJORS[0]) * 256 + minor


def _name(proc: str, pid: int) -> str:
    try:
        with open(os.path.join(proc, str(pid), "comm"), errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _carries(proc: str, pid: int, node: str) -> bool:
    try:
        with open(os.path.join(proc, str(pid), "environ"), "rb") as file:
            return b"\0STYX_NODE=" + node.encode() + b"\0" in b"\0" + file.read() + b"\0"
    except OSError:
        return False


def _served(proc: str, pid: int) -> bool:
    """Whether a process that utmp names still is an SSH server's, as far as we can see: records outlive crashes."""
    return _name(proc, pid) in SERVERS or (not os.path.exists(os.path.join(proc, str(pid))) and _alive(pid))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _logged_in(root: str) -> Iterator[tuple[int, int]]:
    """Yield (pid of the server, number of the terminal) of every login from elsewhere that utmp knows of."""
    try:
        with open(os.path.join(root, "run/utmp"), "rb") as file:
            data = file.read()
    except OSError:
        return
    for at in range(0, len(data) - _RECORD_SIZE + 1, _RECORD_SIZE):
        kind, pid, line, _, _, host = _RECORD.unpack_from(data, at)
        terminal = line.rstrip(b"\0")
        if kind == _USER_PROCESS and host.strip(b"\0") and terminal[:4] == b"pts/" and terminal[4:].isdigit():
            yield pid, int(terminal[4:])
