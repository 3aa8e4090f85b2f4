"""Secrets of jobs that have not started yet: in memory, and on tmpfs so that a restarted agent still has them.

::

    /dev/shm/styx-<token>/<job>     the secrets, each byte combined with one of the pad: noise without it
    /dev/shm/styx-<token>/state     a link that names the state directory, whether or not that is there still
    <state>/pads/<job>              the pad: random, as long, and noise without the other

So neither the disk nor what a node leaves on tmpfs when it is removed without its agent's doing says anything.
"""

from __future__ import annotations

import json
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Collection, Iterator, Mapping

_LINK = "state"
_ROOT = "/dev/shm"  # whatever is there is checked to be ours and closed to others


def _memory_backed(path: str) -> bool:
    """Whether the directory lies on a file system that is never on a disk."""
    best, kind = "", ""
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            _, where, what = line.split(" ")[:3]
            if (path + "/").startswith(where.rstrip("/") + "/") and len(where) >= len(best):
                best, kind = where, what
    return kind in {"tmpfs", "ramfs"}


def _directory(token: str, runtime: str, make: bool) -> str | None:
    """Return a directory of ours on tmpfs; None when there is none, or with ``make`` no place for one."""
    for root in filter(None, (_ROOT, runtime)):
        path = os.path.join(root, "styx-" + token)
        try:
            if not _memory_backed(os.path.realpath(root)):
                continue
            if make:
                os.makedirs(path, mode=0o700, exist_ok=True)
            closed = _closed(path)
        except OSError:
            continue
        if closed:
            return path
    return None


def _closed(path: str) -> bool:
    found = os.lstat(path)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700  # noqa: PLR2004


def _whose(state: str) -> str:
    """Name a state directory; a container that shares our tmpfs may see other files under the same name."""
    try:
        return os.readlink("/proc/self/ns/mnt") + " " + state
    except OSError:
        return " " + state


def _abandoned(runtime: str) -> Iterator[str]:
    """Yield directories of ours whose state directory is no more: nobody will ever ask for what is in them."""
    for root in filter(None, (_ROOT, runtime)):
        try:
            paths = [os.path.join(root, name) for name in os.listdir(root) if name.startswith("styx-")]
        except OSError:
            continue
        for path in paths:
            try:
                space, _, state = os.readlink(os.path.join(path, _LINK)).partition(" ")
                gone = _closed(path) and _whose(state) == space + " " + state and not os.path.exists(state)
            except OSError:
                continue
            if gone:
                yield path


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _combined(data: bytes, pad: bytes) -> bytes:
    return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(data), "big")


def _empty(directory: str) -> None:
    """Remove a directory and the files in it; best effort, others may be at it."""
    try:
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
    except OSError:
        return


class Vault:
    """Keeps the secrets of jobs by id until they have started."""

    def __init__(self, token: str, state: str, runtime: str = "") -> None:
        self._token = token
        self._state = state
        self._pads = os.path.join(state, "pads")
        self._runtime = runtime
        self._memory: dict[int, dict[str, str]] = {}

    def keep(self, job: int, secrets: Mapping[str, str]) -> None:
        """Keep a job's secrets; does nothing when it has none."""
        if not secrets:
            return
        self._memory[job] = dict(secrets)
        directory = _directory(self._token, self._runtime, make=True)
        if directory is None:
            return
        data = json.dumps(self._memory[job]).encode()
        pad = os.urandom(len(data))
        try:
            if not os.path.lexists(os.path.join(directory, _LINK)):
                os.symlink(_whose(self._state), os.path.join(directory, _LINK))
            os.makedirs(self._pads, mode=0o700, exist_ok=True)
            _write(os.path.join(self._pads, str(job)), pad)
            _write(os.path.join(directory, str(job)), _combined(data, pad))
        except OSError:  # no room there: they are in memory, and gone with this agent
            return

    def get(self, job: int) -> dict[str, str] | None:
        """Return a job's secrets; None when it has none or an earlier agent took them with it."""
        if job in self._memory:
            return self._memory[job]
        directory = _directory(self._token, self._runtime, make=False)
        if directory is None:
            return None
        try:
            data, pad = _read(os.path.join(directory, str(job))), _read(os.path.join(self._pads, str(job)))
            self._memory[job] = json.loads(_combined(data, pad).decode())
        except (FileNotFoundError, ValueError, OverflowError):
            return None
        return self._memory[job]

    def drop(self, job: int) -> None:
        """Forget a job's secrets."""
        self._memory.pop(job, None)
        directory = _directory(self._token, self._runtime, make=False)
        if directory is not None:
            for path in (os.path.join(directory, str(job)), os.path.join(self._pads, str(job))):
                if os.path.exists(path):
                    os.unlink(path)
            if not any(name.isdigit() for name in os.listdir(directory)):
                self.clear()

    def clear(self) -> None:
        """Leave nothing outside this process."""
        directory = _directory(self._token, self._runtime, make=False)
        for place in filter(None, (directory, self._pads)):
            _empty(place)

    def sweep(self, waiting: Collection[int]) -> None:
        """Forget the secrets of all jobs but these, and those of clusters that are gone from this machine.

        An agent that was killed, or that went down with its node, may have left some behind.
        """
        directory = _directory(self._token, self._runtime, make=False)
        for name in os.listdir(directory) if directory is not None else []:
            if name.isdigit() and int(name) not in waiting:
                self.drop(int(name))
        for abandoned in _abandoned(self._runtime):
            _empty(abandoned)
