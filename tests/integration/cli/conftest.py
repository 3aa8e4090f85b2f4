"""The program, run for real on the local cloud, with a home of its own that is emptied at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Completed = subprocess.CompletedProcess[str]
Run = Callable[..., Completed]


@pytest.fixture
def command() -> list[str]:
    """How the program is started: the script that pip makes, which is what a user runs."""
    return [str(Path(sys.executable).with_name("styx"))]


@pytest.fixture
def styx(command: list[str], tmp_path: Path, styx_home: Path) -> Iterator[Run]:
    """Run ``styx`` to its end in an empty directory; afterwards no cluster is left."""

    def run(*arguments: str, stdin: str = "", timeout: float = 60, **environment: str) -> Completed:
        return subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    yield run
    left = run("down", "--all", "--yes")
    assert left.returncode == 0, left.stderr


class Running:
    """``styx`` at work, to be interrupted."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def read_until(self, text: str) -> str:
        """Read lines of standard output until one contains the text."""
        assert self.process.stdout is not None
        seen = ""
        for line in self.process.stdout:
            seen += line
            if text in line:
                return seen
        raise AssertionError(f"ended without {text!r}; it wrote {seen!r}")

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; the exit code and what it wrote on stderr."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


@pytest.fixture
def start(command: list[str], tmp_path: Path, styx: Run) -> Iterator[Callable[..., Running]]:
    """Start ``styx`` and go on while it works."""
    started: list[subprocess.Popen[str]] = []
    # What runs in the background of a shell, as these tests may, ignores Ctrl-C, and so would its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def begin(*arguments: str) -> Running:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Running(process)

    yield begin
    signal.signal(signal.SIGINT, before)
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
