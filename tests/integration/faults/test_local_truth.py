"""What the harness takes for the truth about this machine: directories, states, and processes that carry a name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from styx.api import Owner, new_attempt_id
from styx.testing.faults.local import end_all, things_below

ATTEMPT = Owner("abc123", "c", new_attempt_id()).name


@contextmanager
def working(root: Path, rank: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process of that node."""
    home = root / ATTEMPT / str(rank) / "home"
    environment = {"HOME": str(home), "STYX_NODE": f"{ATTEMPT}-{rank}"}
    code = "import time; print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_nodes_are_directories_and_processes(tmp_path: Path) -> None:
    """One that was stopped runs if anything runs on it, and one without a directory is there while something does."""
    for rank in (0, 1, 2):
        (tmp_path / ATTEMPT / str(rank)).mkdir(parents=True)
    for rank in (1, 2):
        (tmp_path / ATTEMPT / str(rank) / "state").touch()
    with working(tmp_path, 2), working(tmp_path, 3) as stray:
        found = {thing.id: thing for thing in things_below(tmp_path)}
        assert {id_[-1]: thing.runs for id_, thing in found.items()} == {"0": True, "1": False, "2": True, "3": True}
        assert all(thing.owner is not None and thing.owner.name == ATTEMPT for thing in found.values())
        end_all(tmp_path)
        assert stray.wait(timeout=30) == -9
    assert {id_[-1] for id_ in (thing.id for thing in things_below(tmp_path))} == {"0", "1", "2"}


def test_what_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    """Processes below another root are neither seen nor ended."""
    with working(tmp_path / "theirs", 0) as theirs:
        assert list(things_below(tmp_path / "ours")) == []
        end_all(tmp_path / "ours")
        assert theirs.poll() is None
