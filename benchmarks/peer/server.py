"""SkyPilot's API server, which all its commands but ``--help`` talk to, for as long as a block lasts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PORT = "SKYPILOT_API_SERVER_LOCAL_PORT"  # on which its commands look for it
PATIENCE = 120.0  # seconds until it answers, and until it has looked for credentials
CHECKED = "skypilot-server-on-boot-check finished"  # after which nothing changes what clouds are enabled


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def server(python: Path, env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers on the port that ``env`` names, and is idle.

    Raises RuntimeError, with the end of its log, where none comes up.
    """
    port = env[PORT]
    command = [str(python), "-m", "sky.server.server", "--host=127.0.0.1", f"--port={port}"]
    with log.open("wb") as written:
        process = subprocess.Popen(command, env=env, stdout=written, stderr=written, start_new_session=True)
    try:
        _wait(process, f"http://127.0.0.1:{port}/api/health", log)
        yield process
    finally:
        _end(process)


def memory(root: int) -> tuple[float, int]:
    """What a process and its descendants hold (MiB; pages that several share count once), and how many they are."""
    tree = _tree(root)
    return sum(_held(pid) for pid in tree) / 1024, len(tree)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < give_up:
        if CHECKED in log.read_text(encoding="utf-8", errors="replace") and _answers(url):
            return
        time.sleep(0.2)
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"SkyPilot's server does not answer at {url}:\n{said}")


def _answers(url: str) -> bool:
    with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=2) as answer:
        status: int = answer.status
        return status == 200
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with its descendants, which outlive it when it alone is told to end."""
    tree = _tree(process.pid)
    for pid in tree:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _tree(root: int) -> list[int]:
    """The process, its descendants, and what is left in its session of those whose parent is gone."""
    parents: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":  # ended, and nobody has asked how
                    parents[int(entry.name)] = int(fields[1]), int(fields[3])
    tree = {root, *(pid for pid, (_, session) in parents.items() if session == root)}
    grown = 0
    while grown < len(tree):
        grown = len(tree)
        tree |= {pid for pid, (parent, _) in parents.items() if parent in tree}
    return sorted(tree)


def _held(pid: int) -> int:
    """KiB, each shared page in proportion; 0 for one that has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
