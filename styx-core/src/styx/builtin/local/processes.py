"""The processes of a local node: all that carry its name in their environment, and whatever those started.

The environment survives what process groups and sessions do not: ``setsid``, ``nohup``, a double fork. A process is
(pid, start time), so that a pid used again is never taken for the one that had it before.

Where a whole installation was copied, two nodes have one name: whose a process is tells the directory it lives in.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from styx.agent.process import environment as environment_of

MARK = "STYX_NODE"
HOME = "home"  # the name of the directory in which everything of a node runs

_PROC = Path("/proc")
_MARKED = re.compile(rb"(?:^|\0)STYX_NODE=([^\0]*)")
_HOME = re.compile(rb"(?:^|\0)HOME=([^\0]*)")
_PS_LINE = re.compile(r"\s*(\d+)\s+(\d+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)")
_PS_MARKED = re.compile(r"(?:^|\s)STYX_NODE=(\S*)")


@dataclass(frozen=True, slots=True)
class Process:
    """One process. ``started`` is opaque: equal for the same process, different once the pid is used again."""

    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class _Row:
    process: Process
    parent: int
    node: str | None  # what its environment says


def of_nodes(belongs: Callable[[str], bool], root: Path | None = None) -> dict[str, list[Process]]:
    """The live processes of every node whose name ``belongs`` accepts, by node name. Nodes without any are left out.

    Only processes whose environment we may read are found: our own, or everybody's for root. With ``root``, where the
    directories of the nodes are, those are left out that live in one of the same name elsewhere: a copy's, or the
    original's.
    """
    if not (_PROC / "self" / "environ").exists():
        return _gather(parse_ps(_ps()), belongs)
    census = _census(root)
    # The usual case is that nothing is there any more, and it saves reading every status line.
    return _gather(census.rows, belongs) if any(map(belongs, census.marks.values())) else {}


class _Census:
    """All processes, and what the environment of each says."""

    def __init__(self, root: Path | None) -> None:
        self.begun = time.monotonic()
        self._pids = [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208 - half of iterdir's time
        self.marks = {pid: mark for pid in self._pids if (mark := _mark(pid, root)) is not None}

    @cached_property
    def rows(self) -> list[_Row]:
        """Those that have not ended: a zombie has, and only its parent can bury it."""
        states = ((pid, _status(pid)) for pid in self._pids)
        return [
            _Row(Process(pid, state[19]), int(state[1]), self.marks.get(pid))
            for pid, state in states
            if state is not None and state[0] != "Z"
        ]


_counting = threading.Lock()
_last: dict[Path | None, _Census] = {}


def _census(root: Path | None) -> _Census:
    """One that begins after it was asked for; those that waited meanwhile share it."""
    asked = time.monotonic()
    with _counting:
        last = _last.get(root)
        if last is None or last.begun <= asked:
            last = _last[root] = _Census(root)
        return last


def _gather(rows: Iterable[_Row], belongs: Callable[[str], bool]) -> dict[str, list[Process]]:
    rows = list(rows)
    node_of = {row.process.pid: row.node for row in rows if row.node is not None and belongs(row.node)}
    children: dict[int, list[_Row]] = {}
    for row in rows:
        children.setdefault(row.parent, []).append(row)
    queue = list(node_of)
    while queue:
        pid = queue.pop()
        for child in children.get(pid, ()):
            # A child that carries another node's name is that node's, not ours.
            if child.process.pid not in node_of and child.node is None:
                node_of[child.process.pid] = node_of[pid]
                queue.append(child.process.pid)
    found: dict[str, list[Process]] = {}
    for row in rows:
        name = node_of.get(row.process.pid)
        if name is not None and row.process.pid != os.getpid():
            found.setdefault(name, []).append(row.process)
    return found


def send(processes: Iterable[Process], signal_number: signal.Signals) -> None:
    """Send the signal to those that still are who they were. One that has gone, or is not ours to kill, is no error."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError), _held(process.pid) as handle:
            if _started(process.pid) == process.started:
                if handle is None:
                    os.kill(process.pid, signal_number)
                else:
                    signal.pidfd_send_signal(handle, signal_number)


@contextlib.contextmanager
def _held(pid: int) -> Iterator[int | None]:
    """A descriptor of the process, which stays its own when the pid is used again; None where there are none such."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError) as error:  # macOS; an old kernel (ENOSYS); a sandbox that knows no better (EPERM)
        if isinstance(error, ProcessLookupError):
            raise
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _mark(pid: int, root: Path | None) -> str | None:
    try:
        environment = environment_of(pid)
    except OSError:
        return None
    match = _MARKED.search(environment)
    if match is None:
        return None
    name, home = os.fsdecode(match[1]), _HOME.search(environment)
    if root is not None and not (home and os.fsdecode(home[1]) == _usual_home(name, root)):
        place = _home_of(name, home and Path(os.fsdecode(home[1]))) or _home_of(name, _directory(pid))
        if place is not None and _elsewhere(place, root):
            return f"{name} elsewhere"  # no node's name
    return name


def _usual_home(name: str, root: Path) -> str:
    """Where the home of a node of that name is, unless all of it was moved."""
    return f"{root}/{'/'.join(name.rsplit('-', 1))}/{HOME}"


def _directory(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def _home_of(name: str, path: Path | None) -> Path | None:
    """The home of a node of that name that this is, or is in; None for any other path: a job may set what it likes."""
    for home in () if path is None else (path, *path.parents):
        if home.name == HOME and f"{home.parent.parent.name}-{home.parent.name}" == name:
            return home
    return None


def _elsewhere(home: Path, root: Path) -> bool:
    """Whether this home of a node is below another root. One that was moved or is gone is no other."""
    place = home.parent
    try:
        there = place.stat()
    except OSError:
        return False
    try:
        return not os.path.samestat(there, (root / place.parent.name / place.name).stat())
    except OSError:
        return True


def _status(pid: int) -> list[str] | None:
    """The fields of ``/proc/PID/stat`` from the third on: state, parent, ...; the start time has index 19."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _started(pid: int) -> str | None:
    status = _status(pid)
    if status is not None:
        return None if status[0] == "Z" else status[19]
    if _PROC.joinpath("self").exists():
        return None
    return next((row.process.started for row in parse_ps(_ps()) if row.process.pid == pid), None)


def _ps() -> str:
    """All processes with their environments, where there is no /proc (macOS, the BSDs)."""
    command = ["ps", "axeww", "-o", "pid=,ppid=,lstart=,command="]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, check=False).stdout


def parse_ps(text: str) -> list[_Row]:
    """Read the output of ``ps axeww -o pid=,ppid=,lstart=,command=``."""
    rows = []
    for line in text.splitlines():
        if match := _PS_LINE.match(line):
            pid, parent, started, command = match.groups()
            mark = _PS_MARKED.search(command)
            rows.append(_Row(Process(int(pid), started), int(parent), mark[1] if mark else None))
    return rows
