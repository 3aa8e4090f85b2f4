"""What the local cloud has running and lying about on this machine, seen from outside."""

from __future__ import annotations

import os
import time
from pathlib import Path

WAIT = 15.0  # seconds for processes that were killed to be gone


def node_processes(home: Path) -> dict[int, str]:
    """The processes that belong to nodes of this installation, and what they run."""
    needles = [str(nodes).encode() for nodes in _nodes(home)]
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            said = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            if any(needle in said for needle in needles):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def node_files(home: Path) -> list[Path]:
    """What nodes have left on disk."""
    return [path for nodes in _nodes(home) for path in nodes.rglob("*") if path.is_file()]


def _nodes(home: Path) -> list[Path]:
    """Where nodes of this installation are: of the only account, or of each that has a name."""
    return [account / "nodes" for account in (home / "local", *home.glob("local@*"))]


def assert_nothing_left(home: Path) -> None:
    """Neither a process nor a file of any node."""
    deadline = time.monotonic() + WAIT
    while (left := node_processes(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == {}
    assert node_files(home) == []
