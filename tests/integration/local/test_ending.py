"""Ending nodes with real processes on them: everything of the node goes, nothing else does."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.api import Billing, Boot, NodeState, NotYet, Owner, StartRequest
from styx.builtin.local.cloud import LocalCloud
from styx.builtin.local.ending import GRACE
from styx.builtin.local.machine import SCOPE
from styx.testing import services

from .conftest import LOOP, PATIENCE, SLEEP, Machine


def test_processes_are_asked_first(machine: Machine, tmp_path: Path) -> None:
    """A process can say goodbye; the removal waits for it by NotYet and then takes the directory."""
    (node,) = machine.nodes()
    process = machine.start(node, LOOP, first=f"trap 'echo bye > {tmp_path}/said; exit 3' TERM")
    with pytest.raises(NotYet):
        machine.cloud.terminate(SCOPE, node.owner, ())
    assert process.wait(PATIENCE) == 3
    machine.insist(lambda: machine.cloud.terminate(SCOPE, node.owner, ()))
    assert (tmp_path / "said").read_text() == "bye\n"
    assert machine.state(node) is None


def test_a_removal_that_was_broken_off_can_be_found(machine: Machine) -> None:
    """The node counts as there until somebody asks again: on a lost record it would be nobody's otherwise."""
    (node,) = machine.nodes()
    machine.start(node, LOOP)
    with pytest.raises(NotYet):
        machine.cloud.terminate(SCOPE, node.owner, ())
    (left,) = machine.cloud.observe(SCOPE, None).nodes
    assert (left.state, left.billing) == (NodeState.TERMINATING, Billing.FULL)
    machine.insist(lambda: machine.cloud.terminate(SCOPE, node.owner, ()))


def test_the_stubborn_are_killed_after_a_while(machine: Machine) -> None:
    """Whoever does not listen is killed, but not before the grace is over."""
    (node,) = machine.nodes()
    process = machine.start(node, LOOP, first="trap '' TERM")
    for _ in range(3):
        with pytest.raises(NotYet):
            machine.cloud.terminate(SCOPE, node.owner, ())
    assert process.poll() is None
    machine.clock.advance(GRACE)
    with pytest.raises(NotYet):
        machine.cloud.terminate(SCOPE, node.owner, ())
    assert process.wait(PATIENCE) == -signal.SIGKILL
    machine.insist(lambda: machine.cloud.terminate(SCOPE, node.owner, ()))


def test_stopped_processes_are_woken_to_end(machine: Machine) -> None:
    """A process that was halted with SIGSTOP still gets to end by itself."""
    (node,) = machine.nodes()
    process = machine.start(node, LOOP, first="trap 'exit 4' TERM")
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(NotYet):
        machine.cloud.terminate(SCOPE, node.owner, ())
    assert process.wait(PATIENCE) == 4


@pytest.mark.parametrize(
    "script",
    [
        "setsid sh -c 'sleep 60 & echo $! > PID'",
        "(sh -c 'nohup sleep 60 > /dev/null & echo $! > PID' &)",
        "env -i sh -c 'echo $$ > PID; sleep 60; :' & wait",
    ],
)
def test_daemons_do_not_escape(machine: Machine, ended: Callable[[int], bool], tmp_path: Path, script: str) -> None:
    """New sessions, double forks and cleared environments do not hide a process from its node's end."""
    (node,) = machine.nodes()
    pid_file = tmp_path / "pid"
    machine.start(node, f"{script.replace('PID', str(pid_file))}; sleep 60; :")
    while not (pid_file.exists() and pid_file.read_text().strip()):
        pass
    machine.insist(lambda: machine.cloud.terminate(SCOPE, node.owner, ()))
    assert ended(int(pid_file.read_text()))
    assert machine.state(node) is None


def test_what_runs_without_a_directory_is_ended_too(machine: Machine) -> None:
    """Somebody removed the directory by hand: a removal still finds what ran there."""
    (node,) = machine.nodes()
    process = machine.start(node, SLEEP)
    root = machine.cloud.services.state_dir / "nodes"
    (root / node.owner.name).rename(root.parent / "elsewhere")
    machine.insist(lambda: machine.cloud.terminate(SCOPE, node.owner, ()))
    assert process.wait(PATIENCE) == -signal.SIGKILL


def test_only_the_attempts_own_processes_end(machine: Machine, tmp_path: Path) -> None:
    """Another attempt's, another installation's and unmarked processes go on."""
    doomed, kept = machine.nodes((1,))[0], machine.nodes((1, 10))
    neighbour = LocalCloud(services(tmp_path))
    theirs = Owner(neighbour.services.installation, doomed.owner.cluster, doomed.owner.attempt)
    spared = [machine.start(node, SLEEP) for node in kept]
    spared.append(machine.start(kept[0], f"STYX_NODE={theirs.node_name(1)} exec sleep 60"))
    spared.append(machine.start(kept[0], f"NOT_STYX_NODE={doomed.id} exec sleep 60"))
    spared.append(machine.start(kept[0], f"unset STYX_NODE; A='STYX_NODE={doomed.id}' exec sleep 60"))
    process = machine.start(doomed, SLEEP)
    machine.insist(lambda: machine.cloud.terminate(SCOPE, doomed.owner, ()))
    assert process.wait(PATIENCE) == -signal.SIGTERM
    assert [one.poll() for one in spared] == [None] * 5
    assert [machine.state(node) for node in kept] == ["running"] * 2


def test_a_stop_ends_processes_and_keeps_the_home(machine: Machine) -> None:
    """After stop and start the files are there and nothing runs any more."""
    (node,) = machine.nodes()
    process = machine.start(node, SLEEP, first="echo kept > file")
    with pytest.raises(NotYet):
        machine.cloud.stop(SCOPE, node.owner, ())
    assert machine.state(node) == "stopping"
    machine.insist(lambda: machine.cloud.stop(SCOPE, node.owner, ()))
    assert process.wait(PATIENCE) == -signal.SIGTERM
    assert machine.state(node) == "stopped"
    request = StartRequest(node.owner, SCOPE, (0,), (), Boot("ssh-ed25519 AAAA"))
    machine.cloud.launch(machine.cloud.prepare_start(request))
    (again,) = machine.cloud.observe(SCOPE, [node.owner]).nodes
    assert again.endpoint == node.endpoint
    assert machine.start(again, "cat file").communicate()[0] == b"kept\n"


def test_a_start_waits_for_a_stop_that_was_cut_short(machine: Machine) -> None:
    """Processes of before the stop are gone before the node runs again."""
    (node,) = machine.nodes()
    process = machine.start(node, LOOP, first="trap '' TERM")
    with pytest.raises(NotYet):
        machine.cloud.stop(SCOPE, node.owner, ())
    start = machine.cloud.prepare_start(StartRequest(node.owner, SCOPE, (0,), (), Boot("ssh-ed25519 AAAA")))
    with pytest.raises(NotYet):
        machine.cloud.launch(start)
    assert machine.state(node) == "stopping"
    machine.clock.advance(GRACE)
    machine.insist(lambda: machine.cloud.launch(start))
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert machine.state(node) == "running"
