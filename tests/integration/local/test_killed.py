"""kill -9 around every call that touches the disk: all of an attempt is there, or none, or rubbish that goes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from styx.api import Boot, Prepared, StartRequest
from styx.builtin.local import processes
from styx.builtin.local.machine import SCOPE
from styx.builtin.local.nodes import NodeDirectory

from .conftest import Machine

# pytest-xdist has a thread of its own in each worker; what is forked here touches none of what it holds.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
STEPS = frozenset(
    {
        "open",
        "mkdir",
        "rename",
        "replace",
        "rmdir",
        "unlink",
        "remove",
        "write",
        "__exit__",
        "close",
        "chmod",
        "scandir",
    }
)


def killed_at(step: int, call: Callable[[], object]) -> bool:
    """Make the call in a child that kills itself at this step; False when the call has fewer."""
    child = os.fork()
    if child == 0:
        left = step

        def count(_: FrameType, event: str, function: Any) -> None:
            nonlocal left
            if event.startswith("c_") and getattr(function, "__name__", "") in STEPS:
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        processes.of_nodes = lambda belongs, root: {}  # nothing runs there, and reading /proc is no step
        sys.setprofile(count)
        try:
            call()
        finally:
            sys.setprofile(None)
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def every_step(prepare: Callable[[], Callable[[], object]]) -> Iterator[int]:
    """Kill a call at its first step, then one at its second, until one lives; each has ground of its own."""
    step = 0
    while killed_at(step, prepare()):
        yield step
        step += 1
    assert step > 3, "the call never touched the disk"


def directory_of(machine: Machine) -> NodeDirectory:
    """The nodes on disk."""
    return NodeDirectory(machine.cloud.services.state_dir / "nodes", machine.cloud.services.installation)


def assert_whole_or_absent(machine: Machine, prepared: Prepared) -> int:
    """All ranks or none, all readable; how many."""
    seen = machine.cloud.observe(SCOPE, [prepared.owner])
    assert seen.complete
    assert [node.rank for node in seen.nodes] in ([], list(prepared.ranks))
    return len(seen.nodes)


def assert_swept(machine: Machine, prepared: Prepared) -> None:
    """Nothing but the attempt is left once rubbish is old."""
    directory = directory_of(machine)
    for path in directory.root.iterdir():
        os.utime(path, (0, 0))
    directory.sweep()
    assert {path.name for path in directory.root.iterdir()} <= {prepared.owner.name}


def test_a_killed_launch_is_replayed(machine: Machine) -> None:
    """Whatever is left, the replay makes the gang whole, and nothing else remains."""
    intents: list[Prepared] = []

    def ground() -> Callable[[], object]:
        intents.append(machine.prepare((0, 1)))
        return lambda: machine.cloud.launch(intents[-1])

    counts = set()
    for _ in every_step(ground):
        counts.add(assert_whole_or_absent(machine, intents[-1]))
        machine.cloud.launch(intents[-1])
        assert assert_whole_or_absent(machine, intents[-1]) == 2
        assert_swept(machine, intents[-1])
        machine.cloud.terminate(SCOPE, intents[-1].owner, ())
    assert counts == {0, 2}


def test_a_killed_launch_can_be_given_up(machine: Machine) -> None:
    """Whatever is left, terminate takes all of it."""
    intents: list[Prepared] = []

    def ground() -> Callable[[], object]:
        intents.append(machine.prepare((0, 1)))
        return lambda: machine.cloud.launch(intents[-1])

    for _ in every_step(ground):
        machine.cloud.terminate(SCOPE, intents[-1].owner, ())
        assert not list(directory_of(machine).root.glob(f"*{intents[-1].owner.name}*"))


def test_a_killed_removal_is_finished(machine: Machine) -> None:
    """All of the attempt is there or none, and the next removal leaves nothing at all."""
    intents: list[Prepared] = []

    def ground() -> Callable[[], object]:
        intents.append(machine.prepare((0, 1)))
        machine.cloud.launch(intents[-1])
        (directory_of(machine).root / intents[-1].owner.name / "1" / "home" / "a").mkdir()
        return lambda: machine.cloud.terminate(SCOPE, intents[-1].owner, ())

    counts = set()
    for _ in every_step(ground):
        counts.add(assert_whole_or_absent(machine, intents[-1]))
        machine.cloud.terminate(SCOPE, intents[-1].owner, ())
        assert list(directory_of(machine).root.iterdir()) == []
    assert counts == {0, 2}


def test_a_killed_stop_and_a_killed_start_are_repeated(machine: Machine) -> None:
    """Nodes are seen running or stopped, each of them readable; repeating the call brings it to its end."""
    intents: list[Prepared] = []

    def running() -> Prepared:
        intents.append(machine.prepare((0, 1)))
        machine.cloud.launch(intents[-1])
        return intents[-1]

    def stop() -> Callable[[], object]:
        prepared = running()
        return lambda: machine.cloud.stop(SCOPE, prepared.owner, ())

    def start() -> Callable[[], object]:
        prepared = running()
        machine.cloud.stop(SCOPE, prepared.owner, ())
        request = StartRequest(prepared.owner, SCOPE, prepared.ranks, (), Boot("ssh-ed25519 AAAA"))
        intents.append(machine.cloud.prepare_start(request))
        return lambda: machine.cloud.launch(intents[-1])

    for ground, repeat, wanted in (
        (stop, lambda: machine.cloud.stop(SCOPE, intents[-1].owner, ()), "stopped"),
        (start, lambda: machine.cloud.launch(intents[-1]), "running"),
    ):
        for _ in every_step(ground):
            assert assert_whole_or_absent(machine, intents[-1]) == 2
            repeat()
            seen = machine.cloud.observe(SCOPE, [intents[-1].owner]).nodes
            assert [str(node.state) for node in seen] == [wanted, wanted]
            machine.cloud.terminate(SCOPE, intents[-1].owner, ())
