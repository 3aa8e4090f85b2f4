"""The server of a home, which whoever needs it starts: one process, that lives on without them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styx.client import local
from styx.testing.processes import marked

PATIENCE = 60.0


@pytest.fixture
def servers(styx: Callable[..., object], styx_home: Path) -> Iterator[Callable[[], set[int]]]:
    """The server processes of this home; none is left at the end."""

    def found() -> set[int]:
        return {pid for pid, line in marked([f"STYX_HOME={styx_home}"]).items() if local.PROGRAM[-1] in line}

    yield found
    styx("api", "stop")
    assert found() == set()


@pytest.fixture
def several(command: list[str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``styx`` and go on."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_one_server_for_many_clients(styx, servers, several, styx_home: Path) -> None:
    """Clients that need a server at the same time start one, and all of them use it."""
    clients = [several("api", "start") for _ in range(5)]
    said = [client.communicate(timeout=PATIENCE) for client in clients]
    assert [client.returncode for client in clients] == [0] * 5, said
    (pid,) = servers()
    assert all(f"process {pid}," in out for out, _ in said)
    assert sum("was started" in out for out, _ in said) >= 1
    assert styx("api", "status").returncode == 0
    assert "listens at" in styx("api", "logs").stdout
    for client in clients:  # nothing of the server is in their sessions, should their terminals end
        assert os.getsid(pid) != client.pid
    assert os.getsid(pid) == pid


def test_a_client_that_is_killed_as_it_starts_one(styx, servers, several) -> None:
    """What it has started goes on, and nobody starts another beside it."""
    client = several("api", "start")
    deadline = time.monotonic() + PATIENCE
    while not (there := servers()):
        assert time.monotonic() < deadline
        time.sleep(0.005)  # it is watched for from outside
    os.killpg(client.pid, signal.SIGKILL)
    again = styx("api", "start")
    assert again.returncode == 0, again.stderr
    assert servers() == there


def test_a_server_that_was_killed(styx, servers) -> None:
    """It is not taken for one that is there, and the next takes its place."""
    styx("api", "start")
    (pid,) = servers()
    os.kill(pid, signal.SIGKILL)
    while servers():
        time.sleep(0.005)  # until the system has ended it
    status = styx("api", "status", "-o", "json")
    assert (status.returncode, json.loads(status.stdout)["running"]) == (1, False)
    assert "was started" in styx("api", "start").stdout
    assert servers() not in (set(), {pid})
