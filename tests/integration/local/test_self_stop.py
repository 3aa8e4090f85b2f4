"""The command by which a node ends itself, run under every shell there is."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from styx.api import Cause, SelfStop
from styx.builtin.local.machine import SCOPE

from .conftest import LOOP, PATIENCE, SLEEP, Machine

SHELLS = ["dash", "bash --posix", "busybox sh", "ksh", "zsh --emulate sh"]
TOOLS = ["chmod", "date", "mv", "rm", "rmdir", "sleep", "tr"]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """One shell, with its arguments."""
    program, *arguments = str(request.param).split()
    found = shutil.which(program) or pytest.skip(f"there is no {program} here")
    return " ".join([found, *arguments])


@pytest.mark.parametrize("mode", list(SelfStop))
def test_everything_ends_and_the_caller_last(machine: Machine, shell: str, mode: SelfStop, tmp_path: Path) -> None:
    """Jobs, daemons and the caller end; the caller is asked when all others have gone; another node does not notice."""
    node, other = machine.nodes((1, 10))
    stubborn = machine.start(node, LOOP, first="trap '' TERM")
    job = machine.start(node, SLEEP)
    spared = machine.start(other, SLEEP)
    command = machine.cloud.self_stop_command(node, mode)
    last = f"trap 'kill -0 {job.pid} {stubborn.pid} 2>/dev/null || echo alone > {tmp_path}/order; exit 5' TERM"
    caller = machine.start(node, f"{shell} -c {shlex.quote(command)} & while :; do wait; sleep 0.01; done", first=last)
    for process in (job, stubborn):
        process.wait(PATIENCE)  # buried: the caller can tell
    assert caller.wait(PATIENCE) == 5
    wanted = "stopped" if mode is SelfStop.STOP else None
    while machine.state(node) != wanted:
        pass
    assert (tmp_path / "order").read_text() == "alone\n"
    assert (job.returncode, stubborn.returncode) == (-signal.SIGTERM, -signal.SIGKILL)
    assert spared.poll() is None
    assert machine.state(other) == "running"


def test_a_stop_says_that_the_node_did_it(machine: Machine) -> None:
    """The cause is SELF, with evidence, and the home is kept."""
    (node,) = machine.nodes()
    machine.start(node, "touch kept").wait(PATIENCE)
    machine.start(node, machine.cloud.self_stop_command(node, SelfStop.STOP)).wait(PATIENCE)
    (seen,) = machine.cloud.observe(SCOPE, [node.owner]).nodes
    assert (str(seen.state), seen.cause) == ("stopped", Cause.SELF)
    assert "stopped by self" in seen.evidence
    assert node.endpoint is not None
    assert (Path(node.endpoint.options["home"]) / "kept").exists()


def test_a_removal_leaves_nothing(machine: Machine) -> None:
    """The last node takes the attempt with it, directories that forbid writing included."""
    nodes = machine.nodes((0, 1))
    root = machine.cloud.services.state_dir / "nodes"
    for node in nodes:
        machine.start(node, "mkdir -p a/b && chmod 500 a/b a").wait(PATIENCE)
        machine.start(node, machine.cloud.self_stop_command(node, SelfStop.TERMINATE)).wait(PATIENCE)
    assert list(root.iterdir()) == []


def test_few_programs_are_needed(machine: Machine, tmp_path: Path) -> None:
    """A PATH with seven ordinary programs, and no Python, is enough."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name) or pytest.skip(f"there is no {name} here"))
    nodes = machine.nodes((0, 1))
    for node, mode in zip(nodes, SelfStop, strict=True):
        job = machine.start(node, SLEEP)
        command = machine.cloud.self_stop_command(node, mode)
        done = machine.start(node, f"PATH={tools}; {command}")
        assert done.wait(PATIENCE) == 0
        assert job.wait(PATIENCE) == -signal.SIGTERM
    assert [machine.state(node) for node in nodes] == ["stopped", None]


def test_a_stop_that_cannot_be_marked_does_nothing(machine: Machine) -> None:
    """Where the mark cannot be written the command fails, and the node runs on, to be asked again."""
    (node,) = machine.nodes()
    job = machine.start(node, SLEEP)
    command = machine.cloud.self_stop_command(node, SelfStop.STOP)
    root = machine.cloud.services.state_dir / "nodes"
    (root / node.owner.name).rename(root / "elsewhere")
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
    assert done.returncode == 1
    assert job.poll() is None


@pytest.mark.parametrize("mode", list(SelfStop))
def test_in_a_copy_of_the_installation(machine: Machine, tmp_path: Path, shell: str, mode: SelfStop) -> None:
    """The original's command does nothing there, and what runs there goes on when the original ends itself."""
    (node,) = machine.nodes()
    root = machine.cloud.services.state_dir / "nodes"
    shutil.copytree(root, tmp_path / "copy")
    assert node.endpoint is not None
    there = str(tmp_path / "copy" / node.owner.name / "0" / "home")
    twin = replace(node, endpoint=replace(node.endpoint, options={**node.endpoint.options, "home": there}))
    jobs = {name: machine.start(each, SLEEP) for name, each in (("here", node), ("there", twin))}
    command = f"{shell} -c {shlex.quote(machine.cloud.self_stop_command(node, mode))}"
    assert machine.start(twin, command).wait(PATIENCE) == 1
    assert [job.poll() for job in jobs.values()] == [None, None]
    assert machine.state(node) == "running"
    machine.start(node, command).wait(PATIENCE)
    while machine.state(node) != ("stopped" if mode is SelfStop.STOP else None):
        pass
    assert jobs["here"].wait(PATIENCE) == -signal.SIGTERM
    assert jobs["there"].poll() is None


def test_a_stop_cut_short_is_finished_by_the_next_removal(machine: Machine) -> None:
    """Killed in the middle, the node is seen as stopping by itself, and can be removed."""
    (node,) = machine.nodes()
    machine.start(node, LOOP, first="trap '' TERM")
    stopping = machine.start(node, machine.cloud.self_stop_command(node, SelfStop.STOP))
    while machine.state(node) != "stopping":
        pass
    stopping.kill()
    stopping.wait(PATIENCE)
    (seen,) = machine.cloud.observe(SCOPE, [node.owner]).nodes
    assert seen.cause is Cause.SELF
    machine.insist(lambda: machine.cloud.terminate(SCOPE, node.owner, ()))
    assert machine.state(node) is None
