"""SkyPilot's API server, which all its commands but ``--help`` talk to, for as long as a block lasts."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.asking import STARTING, Running, until_it_answers
from benchmarks.process import run
from benchmarks.tree import end

PORT = "SKYPILOT_API_SERVER_LOCAL_PORT"  # on which its commands look for it
HEALTH = "/api/health"
CHECKED = "skypilot-server-on-boot-check finished"  # after which nothing changes what clouds are enabled
ENABLE = "from benchmarks.peer.sky_side import enable; enable()"


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def started(python: Path, env: Mapping[str, str], log: Path) -> Iterator[Running]:
    """A server that has just begun to answer on the port that ``env`` names.

    Raises RuntimeError, with the end of its log, where none comes up.
    """
    command = [str(python), "-m", "sky.server.server", "--host=127.0.0.1", f"--port={env[PORT]}"]
    with log.open("wb") as written:
        process = subprocess.Popen(command, env=env, stdout=written, stderr=written, start_new_session=True)
    running = Running(process, f"http://127.0.0.1:{env[PORT]}")
    try:
        try:
            until_it_answers(running, HEALTH)
        except RuntimeError as error:
            raise RuntimeError(f"{error}:\n{_said(log)[-2000:]}") from None
        yield running
    finally:
        end(process)


@contextmanager
def server(python: Path, env: Mapping[str, str], log: Path) -> Iterator[Running]:
    """A server that has looked for credentials, and sells from all clouds none the less. Raises RuntimeError."""
    with started(python, env, log) as running:
        deadline = time.monotonic() + STARTING
        while CHECKED not in _said(log):
            if time.monotonic() > deadline:
                raise RuntimeError(f"SkyPilot's server does not become idle:\n{_said(log)[-2000:]}")
            time.sleep(0.2)
        run((str(python), "-c", ENABLE), env)
        yield running


def _said(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
