"""A server that is killed while clients wait for it, and comes back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from styx.client.login import TOKEN_VARIABLE, URL_VARIABLE
from support.sides import PATIENCE, PROGRAMS, Side, make_home, serving

LAST = 30
COUNT = f"for i in $(seq {LAST}); do echo $i; sleep 0.1; done; exit 3"


@dataclass
class Server:
    """A server that can be killed and started again at the same address, and a client of it with a lasting token."""

    home: Path
    port: int = 0
    running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> dict[str, str]:
        """Start it; what is in ``server.json``."""
        access = self.running.enter_context(serving(self.home, self.port))
        self.port = urlsplit(access[URL_VARIABLE]).port or 0
        return access

    def kill(self) -> None:
        """It is gone from one moment to the next."""
        self.running.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that runs; killed at the end."""
    server = Server(make_home(tmp_path, "there"))
    yield server
    server.kill()


@pytest.fixture
def side(server: Server, tmp_path: Path) -> Iterator[Side]:
    """A client of it; nothing is left at the end."""
    access = server.start()
    made = subprocess.run(
        [str(PROGRAMS / "styx-server"), "--home", str(server.home), "token", "create"],
        env={**os.environ, "STYX_HOME": str(server.home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    token = made.stdout.split()[-1]
    here = make_home(tmp_path, "here")
    side = Side("remote", server.home, {**access, "STYX_HOME": str(here), TOKEN_VARIABLE: token})
    yield side
    assert side.styx("down", "--all", "--yes", cwd=tmp_path).returncode == 0


def test_killed_while_a_job_is_followed(server: Server, side: Side, tmp_path: Path) -> None:
    """Who follows a job gets every line of its output once, and its exit code, though the server was killed."""
    with side.started("launch", "-c", "dev", "--infra", "local", "--yes", "--", COUNT, cwd=tmp_path) as running:
        assert running.stdout is not None
        seen = [int(running.stdout.readline()) for _ in range(5)]
        server.kill()
        server.start()
        out, err = running.communicate(timeout=PATIENCE)
    assert [*seen, *map(int, out.split())] == [*range(1, LAST + 1)], err
    assert running.returncode == 3


def test_killed_while_a_cluster_is_made(server: Server, side: Side, tmp_path: Path) -> None:
    """A launch goes on when the server that works on it is killed and started again, and runs its job once."""
    with side.started("launch", "-c", "dev", "--infra", "local", "--yes", "--", "echo ran", cwd=tmp_path) as running:
        assert running.stderr is not None
        assert any("agent: starting" in line for line in running.stderr)
        server.kill()
        server.start()
        out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, out) == (0, "ran\n"), err
    with side.client() as client:
        assert [job.id for job in client.queue("dev")] == [1]
