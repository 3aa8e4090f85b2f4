"""Secrets of jobs that have not started yet: in memory, and on tmpfs so that a restarted agent still has them."""

from __future__ import annotations

import json
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Collection, Mapping


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
    for root in filter(None, ("/dev/shm", runtime)):  # checked below to be ours and closed to others
        path = os.path.join(root, "styx-" + token)
        try:
            if not _memory_backed(os.path.realpath(root)):
                continue
            if make:
                os.makedirs(path, mode=0o700, exist_ok=True)
            found = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700:  # noqa: PLR2004
            return path
    return None


class Vault:
    """Keeps the secrets of jobs by id until they have started."""

    def __init__(self, token: str, runtime: str = "") -> None:
        self._token = token
        self._runtime = runtime
        self._memory: dict[int, dict[str, str]] = {}

    def keep(self, job: int, secrets: Mapping[str, str]) -> None:
        """Keep a job's secrets; does nothing when it has none."""
        if not secrets:
            return
        self._memory[job] = dict(secrets)
        directory = _directory(self._token, self._runtime, make=True)
        if directory is not None:
            path = os.path.join(directory, str(job))
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
                with os.fdopen(descriptor, "w") as file:
                    json.dump(self._memory[job], file)
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
            with open(os.path.join(directory, str(job))) as file:
                self._memory[job] = json.load(file)
        except (FileNotFoundError, ValueError):
            return None
        return self._memory[job]

    def drop(self, job: int) -> None:
        """Forget a job's secrets."""
        self._memory.pop(job, None)
        directory = _directory(self._token, self._runtime, make=False)
        if directory is not None:
            path = os.path.join(directory, str(job))
            if os.path.exists(path):
                os.unlink(path)
            if not os.listdir(directory):
                os.rmdir(directory)

    def sweep(self, waiting: Collection[int]) -> None:
        """Forget the secrets of all jobs but these: an agent that was killed may have left some behind."""
        directory = _directory(self._token, self._runtime, make=False)
        for name in os.listdir(directory) if directory is not None else []:
            if name.isdigit() and int(name) not in waiting:
                self.drop(int(name))
