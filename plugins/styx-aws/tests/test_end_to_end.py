"""``styx`` as a user runs it, on AWS as the testbed is it: from an empty home to a task on two machines, and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from styx.testing.hosts import in_namespaces, unavailable
from styx_aws.testbed import Testbed
from support import server_wheels

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not in_namespaces() or unavailable() is not None, reason="needs root, sshd and iproute2"),
]
STYX = "import sys; from styx.cli.main import main; sys.exit(main())"
SMALL = ("-y", "--infra", "aws/us-east-1", "-t", "t3.micro")


class Desk:
    """A user with an empty home."""

    def __init__(self, aws: Testbed, home: Path) -> None:
        self.aws = aws
        self._environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "STYX_HOME": str(home / ".styx"), "NO_COLOR": "1",
            **aws.environment(),
        }  # fmt: skip

    def styx(self, *words: str) -> str:
        """What the command prints; it must succeed."""
        done = self._done(*words)
        return done.stdout + done.stderr

    def told(self, *words: str) -> Any:
        """What the command prints as JSON."""
        return json.loads(self._done(*words, "-o", "json").stdout)

    def _done(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", STYX, *words], env=self._environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"styx {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def hosts(self) -> list[str]:
        """The machines that are on."""
        assert self.aws.bed.machines is not None
        return self.aws.bed.machines.running()

    def gone(self, machine: str) -> None:
        """Wait until a machine has gone by itself."""
        give_up = time.monotonic() + 60
        while machine in self.hosts():
            assert time.monotonic() < give_up, "it runs on"
            time.sleep(0.2)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A testbed with hosts, and its user."""
    with Testbed() as aws:
        yield Desk(aws, tmp_path)


def test_a_task_runs_on_two_machines_and_nothing_is_left(desk: Desk) -> None:
    """They are made, met by the key of their boot data, used, stopped and started, and all of it is gone at the end."""
    assert "111111111111 (arn:aws:" in desk.styx("check", "aws")
    command = "echo rank $STYX_NODE_RANK of $STYX_NUM_NODES on $(hostname) in $HOME"
    said = desk.styx("launch", *SMALL, "-c", "duo", "--num-nodes", "2", "--", "sh", "-c", command)
    machines = desk.hosts()
    assert all(f"rank {rank} of 2" in said for rank in (0, 1))
    assert all(f"on {machine} in /home/ubuntu" in said for machine in machines)
    assert "once more" in desk.styx("exec", "duo", "--", "echo", "once more")
    assert "rank 1 of 2" in desk.styx("logs", "duo", "1")
    desk.styx("stop", "-y", "duo")
    assert desk.hosts() == []
    desk.styx("start", "-y", "duo")
    assert desk.hosts() == machines
    assert "rank 1 of 2" in desk.styx("exec", "duo", "--num-nodes", "2", "--", "sh", "-c", command)
    desk.styx("down", "-y", "duo")
    assert (desk.hosts(), desk.aws.left()) == ([], [])
    assert "Nothing without a record" in desk.styx("status", "--orphans")


def test_a_machine_that_stops_itself_is_stopped(desk: Desk) -> None:
    """Autostop needs no credentials on the machine: it shuts down, and EC2 does what was said for that."""
    desk.styx("launch", *SMALL, "-c", "one", "-i", "0", "--", "true")
    (machine,) = [each for each in desk.aws.bed.instances() if each.state != "terminated"]
    desk.gone(machine.id)
    assert machine.instance_initiated_shutdown_behavior == "stop"
    assert '"stopped"' in desk.styx("status", "-r", "-o", "json")
    desk.styx("down", "-y", "one")
    assert desk.aws.left() == []


def test_a_server_on_a_machine(desk: Desk, tmp_path: Path) -> None:
    """It is deployed there, works for who deployed it, and takes nothing but the machine along when that goes."""
    wheels = server_wheels.build(tmp_path / "wheels")
    own = ("--wheels", str(wheels), "--no-index", "--plugin", "styx-core", "--port", "8443", "--user", "ann")
    desk.styx("api", "deploy", *SMALL, *own)
    (machine,) = desk.hosts()
    assert desk.told("api", "info")["user"] == "ann"
    output = desk.styx("jobs", "launch", "-y", "-n", "where", "--infra", "local", "--", "hostname")
    assert machine in output
    assert [job["state"] for job in desk.told("jobs", "queue")] == ["succeeded"]
    desk.styx("api", "logout")
    desk.styx("down", "-y", "styx-server")
    assert (desk.hosts(), desk.aws.left()) == ([], [])
