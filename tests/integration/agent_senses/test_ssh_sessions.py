"""Sessions of real people over a real sshd, and connections that are not people."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from styx.agent import sessions
from styx.testing.hosts import Host

SENSES = Path(sessions.__file__)


def count(host: Host) -> int:
    """What an agent on the host, run by the host's own Python, would count."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or pytest.skip("the hosts have no Python")
    shutil.copy(SENSES, host.home / "sessions.py")
    return int(host.run(f"{python} -c 'import sessions; print(sessions.count())'"))


@contextmanager
def connection(host: Host, *options: str) -> Iterator[None]:
    """An SSH connection on which ``cat`` runs, up when this returns."""
    known = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    login = ["-i", host.identity_file, "-p", str(host.port), f"{host.user}@{host.address}"]
    process = subprocess.Popen(
        ["ssh", "-F", "none", *known, *options, *login, "echo ready; cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"ready"
        yield
    finally:
        process.terminate()
        process.communicate()


def test_people_at_terminals_are_counted(host: Host) -> None:
    """Each login with a terminal counts while it lasts."""
    before = count(host)
    with connection(host, "-tt"):
        assert count(host) == before + 1
        with connection(host, "-tt"):
            assert count(host) == before + 2


def test_connections_without_a_terminal_are_not(host: Host) -> None:
    """Styx's own connections, and other programs', do not keep a cluster up."""
    before = count(host)
    with connection(host), connection(host, "-T"):
        assert count(host) == before
