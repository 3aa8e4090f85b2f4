"""What the local cloud has running and lying about on this machine, seen from outside."""

from __future__ import annotations

import os
import time
from pathlib import Path

WAIT = 15.0  # seconds for processes that were killed to be gone


def node_processes(home: Path) -> dict[int, str]:
    """The processes that belong to nodes of this installation, and what they run."""
    needle = str(home / "local" / "nodes").encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if needle in (entry / "environ").read_bytes() or needle in (entry / "cmdline").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def node_files(home: Path) -> list[Path]:
    """What nodes have left on disk."""
    return [path for path in (home / "local" / "nodes").rglob("*") if path.is_file()]


def assert_nothing_left(home: Path) -> None:
    """Neither a process nor a file of any node."""
    deadline = time.monotonic() + WAIT
    while (left := node_processes(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == {}
    assert node_files(home) == []
