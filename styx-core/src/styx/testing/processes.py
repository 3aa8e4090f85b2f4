"""Finding and ending processes of this machine by a variable in their environment. Linux: it reads /proc."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path


def marked(variables: Collection[str]) -> dict[int, str]:
    """The processes started with any of these (``NAME=value``) in their environment: pid -> command line."""
    wanted = {variable.encode() for variable in variables}
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else ():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):  # gone, or another user's
                if not wanted.isdisjoint((entry / "environ").read_bytes().split(b"\0")):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(entry.name)] = line.decode(errors="replace").strip()
    return found


def kill_marked(variables: Collection[str]) -> dict[int, str]:
    """Send SIGKILL to all of them; those that were there."""
    found = marked(variables)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found
