"""Which process belongs to which node, from what ps or /proc say."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.names import new_attempt_id
from styx.builtin.local import processes
from styx.builtin.local.processes import Process, _gather, _Row, parse_ps

NODE = "styx-abc123-train-a001-1"
DARWIN = f"""\
    1     0 Tue Nov 25 08:01:02 2025     /sbin/launchd
  501     1 Tue Nov 25 08:05:00 2025     python3 main.py daemon HOME=/x STYX_NODE={NODE} PATH=/bin
  502   501 Tue Nov 25 08:05:01 2025     sh -c sleep 100
  503     1 Tue Nov 25 08:05:02 2025     sleep 5 STYX_NODE={NODE}0
  504     1 Tue Nov 25 08:05:03 2025     echo MY_STYX_NODE={NODE}

garbage
"""


def test_ps_output_becomes_rows() -> None:
    """Every line with a pid, a parent and a start time is a process; the node is what its environment says."""
    rows = parse_ps(DARWIN)
    assert [(row.process.pid, row.parent, row.node) for row in rows] == [
        (1, 0, None), (501, 1, NODE), (502, 501, None), (503, 1, f"{NODE}0"), (504, 1, None),
    ]  # fmt: skip
    assert rows[1].process.started == "Tue Nov 25 08:05:00 2025"


@given(st.text(max_size=300))
def test_any_text_can_be_read_as_ps_output(text: str) -> None:
    """Whatever ps says, reading it raises nothing."""
    parse_ps(text)


@given(
    st.lists(st.tuples(st.integers(2, 99999), st.integers(0, 99999), st.sampled_from([None, NODE])), max_size=20),
)
def test_rows_written_are_rows_read(wanted: list[tuple[int, int, str | None]]) -> None:
    """Lines as ps writes them give back pid, parent and node."""
    text = "".join(
        f"{pid:6d} {parent:6d} Tue Nov  5 08:05:00 2025     a command A=1{f' STYX_NODE={node}' if node else ''} B=2\n"
        for pid, parent, node in wanted
    )
    assert [(row.process.pid, row.parent, row.node) for row in parse_ps(text)] == wanted


def row(pid: int, parent: int, node: str | None = None) -> _Row:
    """A row as it was found."""
    return _Row(Process(pid, "0"), parent, node)


def pids(found: dict[str, list[Process]]) -> dict[str, list[int]]:
    """The pids only."""
    return {name: [process.pid for process in group] for name, group in found.items()}


def test_descendants_without_a_name_belong_to_their_ancestors_node() -> None:
    """A program started with an empty environment is its parent's node's."""
    rows = [row(10, 1, "a"), row(11, 10), row(12, 11), row(13, 1), row(14, 13)]
    assert pids(_gather(rows, lambda name: name == "a")) == {"a": [10, 11, 12]}


def test_a_child_that_carries_another_name_is_another_nodes() -> None:
    """A node started from a job of another node goes its own way, with all of its own descendants."""
    rows = [row(10, 1, "a"), row(11, 10, "b"), row(12, 11), row(13, 10)]
    assert pids(_gather(rows, lambda name: name == "a")) == {"a": [10, 13]}
    assert pids(_gather(rows, lambda _: True)) == {"a": [10, 13], "b": [11, 12]}


def test_we_ourselves_are_never_among_them() -> None:
    """Whoever removes a node from within does not end in mid-removal."""
    rows = [row(os.getpid(), 1, "a"), row(3, os.getpid(), "a")]
    assert pids(_gather(rows, lambda _: True)) == {"a": [3]}


def test_nothing_is_looked_at_closely_when_no_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any process that carries the name, status lines are not read."""
    looked: list[int] = []
    monkeypatch.setattr(processes, "_status", looked.append)
    assert processes.of_nodes(lambda name: name == "styx-no-such-node-a001-0") == {}
    assert looked == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_those_who_look_at_the_same_time_share_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look is under way, and all who come meanwhile wait for the next, which sees what was there when they came."""
    begun, go_on, looks = threading.Event(), threading.Event(), []
    real = os.listdir

    def listing(path: Path) -> list[str]:
        looks.append(path)
        begun.set()
        go_on.wait(10)
        return real(path)

    monkeypatch.setattr(os, "listdir", listing)
    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(processes.of_nodes, "no-such-node".__eq__)
        begun.wait(10)
        others = [threads.submit(processes.of_nodes, "no-such-node".__eq__) for _ in range(4)]
        while sum(each.running() for each in others) < len(others):
            pass
        time.sleep(0.05)
        go_on.set()
        assert [each.result(10) for each in (first, *others)] == [{}] * 5
    assert len(looks) == 2


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize(("fate", "ours"), [("stays", False), ("goes", True), ("moves", True)])
def test_what_runs_in_another_node_of_that_name(tmp_path: Path, fate: str, ours: bool) -> None:
    """A copy of an installation does not end what runs on the original; what was moved or restored is still its own."""
    name = f"styx-abc123-copied-{new_attempt_id()}-0"
    original = tmp_path / "original" / name.removesuffix("-0") / "0"
    (original / "home").mkdir(parents=True)
    shutil.copytree(tmp_path / "original", tmp_path / "copy")
    environment = {"HOME": str(original / "home"), "STYX_NODE": name, "PATH": os.environ["PATH"]}
    with subprocess.Popen(["sh", "-c", "env -i sleep 60 & wait"], env=environment, start_new_session=True) as process:
        try:
            if fate == "goes":
                shutil.rmtree(tmp_path / "original")
            elif fate == "moves":
                shutil.rmtree(tmp_path / "copy")
                (tmp_path / "original").rename(tmp_path / "copy")
            found = processes.of_nodes(lambda each: each == name, tmp_path / "copy")
            assert (process.pid in [each.pid for each in found.get(name, [])]) is ours
            assert ours or not found  # nor what was started without a name
            if fate == "stays":
                here = processes.of_nodes(lambda each: each == name, tmp_path / "original")
                assert process.pid in [each.pid for each in here[name]]
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_job_of_the_original_that_has_another_home(tmp_path: Path) -> None:
    """`HOME=/elsewhere program` is the original's still, as the directory tells that it runs in."""
    name = f"styx-abc123-copied-{new_attempt_id()}-0"
    inside = tmp_path / "original" / name.removesuffix("-0") / "0" / "home" / "work"
    inside.mkdir(parents=True)
    shutil.copytree(tmp_path / "original", tmp_path / "copy")
    environment = {"HOME": "/", "STYX_NODE": name, "PATH": os.environ["PATH"]}
    with subprocess.Popen(["sleep", "60"], env=environment, cwd=inside, start_new_session=True) as process:
        try:
            assert processes.of_nodes(lambda each: each == name, tmp_path / "copy") == {}
            (ours,) = processes.of_nodes(lambda each: each == name, tmp_path / "original")[name]
            assert ours.pid == process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_pid_used_again_is_not_killed() -> None:
    """A signal goes to the process that was found, not to whoever has its number now."""
    us = os.getpid()
    processes.send([Process(us, "not our start time")], signal.SIGKILL)


def test_a_process_that_has_gone_is_no_error() -> None:
    """Sending to a pid that nobody has does nothing."""
    processes.send([Process(2**22 - 3, "0")], signal.SIGTERM)


@pytest.mark.parametrize("number", [1, 38])
def test_kernels_without_process_descriptors_will_do(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Where pidfd_open is unknown (ENOSYS) or forbidden (EPERM), a plain kill is sent."""
    sent: list[tuple[int, int]] = []

    def refuse(pid: int) -> int:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "pidfd_open", refuse, raising=False)
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    status = processes._status(os.getpid())
    assert status is not None
    processes.send([Process(os.getpid(), status[19])], signal.SIGTERM)
    assert sent == [(os.getpid(), signal.SIGTERM)]
