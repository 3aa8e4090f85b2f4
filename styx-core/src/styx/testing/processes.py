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
    for name in os.listdir("/proc") if Path("/proc").is_dir() else ():  # noqa: PTH208 - hundreds of them, often
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):  # gone, or another user's
                if not wanted.isdisjoint(_read(name, "environ").split(b"\0")):
                    found[int(name)] = _read(name, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def kill_marked(variables: Collection[str]) -> dict[int, str]:
    """Send SIGKILL to all of them; those that were there."""
    found = marked(variables)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def _read(process: str, what: str) -> bytes:
    with open(f"/proc/{process}/{what}", "rb") as file:  # noqa: PTH123 - likewise
        return file.read()
