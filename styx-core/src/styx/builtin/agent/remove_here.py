"""Taking a runtime off a node on this machine, without a process: such nodes come and go by the hundred."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

from styx.api import BackendError
from styx.builtin.agent.places import Places

_LOOK_SECONDS = 0.01
_PATIENCE = 20.0  # seconds for a daemon that was told to end


async def clear(places: Places, *, ended: bool, keep: bool) -> None:
    """Wait for the daemon's end, where one was told to, and unless ``keep`` delete what the cluster has there.

    The program stays: it belongs to all nodes of this machine. Idempotent. Raises BackendError.
    """
    if ended:
        await _end(Path(places.state) / "lock")
    if keep:
        return
    try:
        await asyncio.to_thread(_delete, places)
    except OSError as error:
        raise BackendError(f"node {places.rank} failed to remove the agent: {error}") from error


async def _end(lock: Path) -> None:
    try:
        pid = int(lock.read_text())
    except (OSError, ValueError):
        return
    for _ in range(int(_PATIENCE / _LOOK_SECONDS)):
        if not _runs(pid):
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise BackendError(f"the agent's process {pid} does not end")


def _runs(pid: int) -> bool:
    """Whether it does; a zombie does not, and its parent alone can bury it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def _delete(places: Places) -> None:
    """``start`` goes first: without it there is no runtime, so an interrupted removal is simply finished."""
    Path(places.start).unlink(missing_ok=True)
    while Path(places.state).exists():
        with suppress(FileNotFoundError):  # of what a process of a job removes itself meanwhile
            shutil.rmtree(places.state)
    socket = Path(places.socket)
    for path in (socket, *socket.parent.glob(f"{socket.name}.*")):
        path.unlink(missing_ok=True)
    _unless_used(places.cluster)
    if _unless_used(places.clusters):
        _unless_used(places.root)
        if places.base:
            _unless_used(places.base)


def _unless_used(directory: str) -> bool:
    """Remove a directory that is empty; whether it was."""
    try:
        Path(directory).rmdir()
    except OSError:
        return False
    return True
