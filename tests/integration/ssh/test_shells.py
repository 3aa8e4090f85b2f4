"""The commands that run on machines, under every shell that a machine may have."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from styx.api import Owner, new_attempt_id
from styx.builtin.ssh import facts, marks
from styx.builtin.ssh.marks import Mark
from styx.builtin.ssh.release import release
from support.disks import small_disk

NOW = datetime(2030, 1, 1, tzinfo=UTC)
Run = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture(params=["dash", "bash", "busybox"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a command under the shell, in an empty home; busybox has its own tools too, and no others."""
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"needs {request.param}")
    home, tools = tmp_path / "home", tmp_path / "tools"
    home.mkdir()
    tools.mkdir()
    path = os.environ["PATH"]
    if request.param == "busybox":
        subprocess.run([program, "--install", "-s", str(tools)], check=True)
        program, path = str(tools / "sh"), str(tools)
    environment = {"HOME": str(home), "PATH": path, "SSH_CONNECTION": "10.0.0.1 50000 10.0.0.5 22"}

    def command(text: str) -> subprocess.CompletedProcess[str]:
        argv = [program, "-c", text]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)

    return command


@pytest.fixture
def owner() -> Owner:
    """An attempt that no other test run has."""
    return Owner("tests1", "shells", new_attempt_id())


@pytest.fixture
def processes(owner: Owner) -> Iterator[list[subprocess.Popen[bytes]]]:
    """What a cluster runs: a job below its shim, and a process that went its own way."""
    shim = ["setsid", "sh", "-c", "sleep 987; :", "shim", f"/root/.styx/clusters/{owner.name}/0/jobs/1-0"]
    environment = {"STYX_NODE": owner.node_name(0), "PATH": os.environ["PATH"]}
    started = [subprocess.Popen(shim), subprocess.Popen(["sleep", "987"], env=environment)]
    yield started
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def test_a_reservation_from_beginning_to_end(run: Run, owner: Owner, tmp_path: Path) -> None:
    """A machine is reserved once, shown, and given back as it was."""
    mark, other = Mark(owner, 0, "token"), Mark(owner, 1, "token")
    assert [run(marks.reserve(one, NOW)).returncode for one in (mark, mark, other)] == [0, 0, marks.TAKEN]
    seen = marks.parse(run(marks.listing()).stdout)
    assert (seen.address, seen.held, seen.marks) == ("10.0.0.5", True, (mark,))
    done = run(release(owner))
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_release_kills_what_ran(run: Run, owner: Owner, processes: list[subprocess.Popen[bytes]]) -> None:
    """Processes are found by command line and by environment, and die with those they started."""
    run(marks.reserve(Mark(owner, 0), NOW))
    assert run(release(owner)).returncode == 0
    assert [process.wait(5) for process in processes] == [-9, -9]


def test_a_release_removes_what_is_outside_of_the_home(run: Run, owner: Owner) -> None:
    """Where the home is on a network the agent's state is on the machine's own disk."""
    local = Path(f"/var/tmp/styx-{os.getuid()}/.styx/clusters/{owner.name}")
    (local / "0" / "jobs").mkdir(parents=True)
    run(marks.reserve(Mark(owner, 0), NOW))
    assert run(release(owner)).returncode == 0
    assert not local.exists()


def test_a_release_does_not_walk_into_mounts(run: Run, owner: Owner, tmp_path: Path) -> None:
    """What a task had mounted in its directory is unmounted: its files stay where they come from."""
    source, place = tmp_path / "source", tmp_path / "home" / "styx_workdir" / "a place"
    source.mkdir()
    (source / "precious").write_text("kept")
    with small_disk(tmp_path / "can mount", "size=1m"):
        run(marks.reserve(Mark(owner, 0), NOW))
        place.mkdir(parents=True)
        subprocess.run(["mount", "--bind", source, place], check=True)
        assert run(release(owner)).returncode == 0
    assert list((tmp_path / "home").iterdir()) == []
    assert (source / "precious").read_text() == "kept"


def test_sizes_are_told(run: Run) -> None:
    """The probe finds CPUs and memory."""
    found = facts.parse(run(facts.PROBE).stdout)
    assert found.vcpus == os.cpu_count()
    assert found.memory_gib > 0
