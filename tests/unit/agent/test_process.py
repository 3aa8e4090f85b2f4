"""Processes of jobs and of local nodes are known by what is in their environment."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import BinaryIO

import pytest

from styx.agent import process
from styx.builtin.local import processes


@pytest.mark.parametrize("of", ["job", "node"])
def test_a_process_that_becomes_another_program_is_seen(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    """One shows no environment when it is looked at in that very moment, and is looked at again."""
    program = ["sh", "-c", "read -r go; exec sleep 600"]
    variables = {"PATH": "/usr/bin:/bin", "STYX_JOB": "t-1", "STYX_NODE": "test-0"}
    with subprocess.Popen(program, env=variables, stdin=subprocess.PIPE) as child:
        looks: list[str] = []

        def overtaken(path: str, mode: str) -> BinaryIO:
            file: BinaryIO = open(path, mode)  # type: ignore[assignment]  # noqa: PTH123, SIM115 - it stands for that
            if path == f"/proc/{child.pid}/environ":
                looks.append(path)
                if len(looks) == 1:
                    assert child.stdin is not None
                    child.stdin.write(b"\n")
                    child.stdin.flush()
                    while not Path(f"/proc/{child.pid}/cmdline").read_bytes().startswith(b"sleep"):
                        pass
            return file

        monkeypatch.setattr(process, "open", overtaken, raising=False)
        try:
            if of == "job":
                assert process.marked(b"STYX_JOB=t-1") == [child.pid]
            else:
                (found,) = processes.of_nodes("test-0".__eq__)["test-0"]
                assert found.pid == child.pid
            assert len(looks) > 1
        finally:
            child.kill()


def test_a_program_that_is_given_no_environment_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has none, and there is nothing to come."""
    monkeypatch.setattr(process, "time", None)
    with subprocess.Popen(["/bin/cat"], env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.read(1)  # it runs
        assert child.pid not in process.marked(b"STYX_JOB=t-1")
        child.kill()
