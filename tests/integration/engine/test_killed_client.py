"""A client process that is killed with kill -9: status is true afterwards, and the next command succeeds."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions
from styx.spec import Task
from styx.store.states import ClusterState
from support.local_nodes import assert_nothing_left, node_processes

pytestmark = pytest.mark.timeout(300)

PAIR = Task("pair").nodes(2).run("echo rank $STYX_NODE_RANK")

CLIENT = """
import sys
from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions
from styx.spec import Task

def say(phase, sentence):
    print(phase, flush=True)

task = Task("pair").nodes(2).run("echo rank $STYX_NODE_RANK")
client = EmbeddedClient()
client.engine
print("ready", flush=True)
sys.stdin.readline()
match sys.argv[1]:
    case "launch": client.launch(task, LaunchOptions(cluster="c"), say)
    case "exec": client.exec(task, "c", say)
    case "stop": client.stop("c", say)
    case "start": client.start("c", None, say)
    case "down": client.down("c", progress=say)
print("done", flush=True)
"""


def killed(operation: str, *, after: float | None = None, phase: str | None = None) -> bool:
    """Run the operation in a process and kill that after some seconds, or in a phase; whether it was in time."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT, operation], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("\n")
            process.stdin.flush()
            if after is not None:
                time.sleep(after)
            else:
                while process.stdout.readline().strip() not in {phase, "done", ""}:
                    pass
        finally:
            process.kill()
        return "done" not in process.stdout.read()


def status(home: Path) -> ClusterState | None:
    """What a new client says of the cluster, checked against the processes there are."""
    client = EmbeddedClient()
    try:
        records = client.status()
        if not records:
            assert_nothing_left(home)
            return None
        (record,) = records
        assert record.operation is None
        if record.state is ClusterState.STOPPED:
            assert node_processes(home) == {}
        if record.state is ClusterState.UP:
            assert len(client.nodes("c")) == 2
            assert client.queue("c") is not None
        assert record.state not in {ClusterState.UNKNOWN, ClusterState.LOST}
        return record.state
    finally:
        client.close()


def use(home: Path) -> None:
    """Launch on whatever is there, and see that the job runs on both nodes."""
    client = EmbeddedClient()
    try:
        job = client.launch(PAIR, LaunchOptions(cluster="c")).job_id
        assert job is not None
        lines = b"".join(chunk.data for chunk in client.logs("c", job)).decode().splitlines()
        assert sorted(lines) == ["rank 0", "rank 1"]
        assert client.wait("c", job).exit_code == 0
        (record,) = client.status()
        assert record.state is ClusterState.UP
    finally:
        client.close()


def down(home: Path) -> None:
    """Remove the cluster, if there is one; then nothing is left."""
    client = EmbeddedClient()
    try:
        if client.status():
            client.down("c")
        assert client.status() == []
    finally:
        client.close()
    assert_nothing_left(home)


def prepare(operation: str) -> None:
    """What has to be there before the operation."""
    client = EmbeddedClient()
    try:
        if operation != "launch":
            client.launch(PAIR, LaunchOptions(cluster="c"))
        if operation == "start":
            client.stop("c")
    finally:
        client.close()


@pytest.mark.parametrize(
    ("operation", "phase"),
    [
        ("launch", "plan"), ("launch", "provision"), ("launch", "agent"), ("launch", "submit"), ("exec", "submit"),
        ("start", "agent"),
    ],
)  # fmt: skip
def test_in_a_phase(home: Path, operation: str, phase: str) -> None:
    """Killed just as a phase begins."""
    prepare(operation)
    killed(operation, phase=phase)
    status(home)
    use(home)
    down(home)


@pytest.mark.parametrize("operation", ["launch", "exec", "stop", "start", "down"])
def test_at_any_moment(home: Path, operation: str) -> None:
    """Killed after a time drawn at random from as long as the operation takes."""
    chance = random.Random(f"styx {operation}")
    in_time = 0
    for round_ in range(3):
        prepare(operation)
        in_time += killed(operation, after=chance.uniform(0.0, 0.15 if operation != "exec" else 0.02))
        status(home)
        if round_ % 2 == 0:
            use(home)
        down(home)
    assert in_time > 0, "every process had finished before it was killed"
