"""Disks that are full or cannot be written: an error of the contract, nothing half done, and removal still works."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from styx.api import NotYet, PermissionDenied, QuotaExceeded, SelfStop
from styx.builtin.local.machine import SCOPE
from support.disks import small_disk

from .conftest import LOOP, PATIENCE, SLEEP, Machine

pytestmark = pytest.mark.root


class Disk:
    """A small file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no byte and no inode free."""
        with suppress(OSError), (self.path / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        with suppress(OSError):
            for number in range(10_000):
                (self.path / f"inode{number}").touch()

    def free(self) -> None:
        """Give it all back."""
        for path in [*self.path.glob("inode*"), self.path / "ballast"]:
            path.unlink()

    def remount(self, option: str) -> None:
        """Make it read-only (ro) or writable (rw)."""
        subprocess.run(["mount", "-o", f"remount,{option}", self.path], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A file system of 256 KiB."""
    with small_disk(tmp_path / "disk", "size=256k,nr_inodes=64") as path:
        yield Disk(path)


@pytest.fixture
def machine(disk: Disk) -> Iterator[Machine]:
    """This machine, with its nodes on that disk."""
    machine = Machine(disk.path)
    yield machine
    machine.clean_up()


def test_nothing_is_launched_onto_a_full_disk(machine: Machine, disk: Disk) -> None:
    """The error says that the disk is full, nothing of the attempt is left, and with space the same launch succeeds."""
    prepared = machine.prepare((0, 1))
    disk.fill()
    with pytest.raises(QuotaExceeded, match=prepared.owner.name):
        machine.cloud.launch(prepared)
    assert machine.cloud.observe(SCOPE, None).nodes == ()
    assert not [path for path in machine.cloud.services.state_dir.rglob("*") if prepared.owner.name in path.name]
    disk.free()
    assert set(machine.cloud.launch(prepared).node_ids) == {0, 1}


def test_a_disk_that_fills_up_in_mid_launch_leaves_nothing(machine: Machine, disk: Disk) -> None:
    """A gang too large for what is free is refused whole."""
    prepared = machine.prepare(tuple(range(40)))
    with pytest.raises(QuotaExceeded):
        machine.cloud.launch(prepared)
    assert machine.cloud.observe(SCOPE, None).nodes == ()
    assert list((machine.cloud.services.state_dir / "nodes").iterdir()) == []


def test_a_node_can_be_removed_from_a_full_disk(machine: Machine, disk: Disk) -> None:
    """Removing needs no space, and whatever runs there is killed without further ado."""
    (node,) = machine.nodes()
    process = machine.start(node, LOOP, first="trap '' TERM")
    disk.fill()
    with pytest.raises(NotYet):
        machine.cloud.terminate(SCOPE, node.owner, ())
    assert process.wait(PATIENCE) < 0
    machine.insist(lambda: machine.cloud.terminate(SCOPE, node.owner, ()))
    assert machine.state(node) is None


def test_a_stop_on_a_full_disk_harms_nothing(machine: Machine, disk: Disk) -> None:
    """What cannot be recorded is not done: neither the user's stop nor the node's own."""
    (node,) = machine.nodes()
    process = machine.start(node, SLEEP)
    command = machine.cloud.self_stop_command(node, SelfStop.STOP)
    disk.fill()
    with pytest.raises(QuotaExceeded):
        machine.cloud.stop(SCOPE, node.owner, ())
    assert machine.start(node, command).wait(PATIENCE) == 1
    assert process.poll() is None
    assert machine.state(node) == "running"


def test_a_node_can_remove_itself_from_a_full_disk(machine: Machine, disk: Disk) -> None:
    """Autostop with removal works when the job has filled the disk."""
    (node,) = machine.nodes()
    process = machine.start(node, SLEEP)
    disk.fill()
    command = machine.cloud.self_stop_command(node, SelfStop.TERMINATE)
    assert machine.start(node, command).wait(PATIENCE) == 0
    assert process.wait(PATIENCE) < 0
    assert machine.state(node) is None


def test_a_read_only_disk_can_be_looked_at(machine: Machine, disk: Disk) -> None:
    """Nodes are seen; launching and removing say why they cannot, and work once the disk can be written again."""
    (node,) = machine.nodes()
    prepared = machine.prepare()
    disk.remount("ro")
    assert machine.state(node) == "running"
    for call in (lambda: machine.cloud.launch(prepared), lambda: machine.cloud.terminate(SCOPE, node.owner, ())):
        with pytest.raises(PermissionDenied, match="Read-only file system"):
            call()
    assert machine.state(node) == "running"
    disk.remount("rw")
    machine.cloud.launch(prepared)
    machine.cloud.terminate(SCOPE, node.owner, ())
    assert machine.state(node) is None
