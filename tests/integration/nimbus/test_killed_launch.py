"""``styx launch`` that is killed with kill -9 as a phase begins: the next one goes on where it was."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.nimbus import Workshop

TASK = """
name: hello
workdir: .
resources: {infra: nimbus, instance_type: cpu.small}
setup: echo set up
run: cat greeting
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task with files to copy."""
    place = tmp_path / "task"
    place.mkdir()
    (place / "greeting").write_text("hello from the workdir\n")
    (place / "task.yaml").write_text(TASK)
    return place


def launch(shop: Workshop, task: Path, phase: str) -> bool:
    """Launch until the phase is told of, and no further; whether it got there."""
    argv = ["styx", "launch", "-y", "-c", "dev", "task.yaml"]
    with subprocess.Popen(
        argv, cwd=task, env=shop.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as client:  # fmt: skip
        assert client.stderr is not None
        try:
            return any(line.startswith(f"{phase}: ") for line in client.stderr)
        finally:
            client.kill()


@pytest.mark.parametrize("phase", ["plan", "provision", "connect", "agent", "files", "submit"])
def test_killed_as_a_phase_begins(phase: str, shop: Workshop, server: Any, task: Path) -> None:
    """One machine is all there ever is, and the task runs once on it in the end, with its files."""
    assert launch(shop, task, phase)
    done = shop.run("styx", "launch", "-y", "-c", "dev", "task.yaml", cwd=task)
    assert done.returncode == 0, done.stderr
    assert "hello from the workdir" in done.stdout
    assert len(server.market.rented) == 1
    if phase not in {"plan", "provision"}:
        assert [request for request in server.requests if request == "POST /v1/machines"] == ["POST /v1/machines"]
    shop.styx("down", "-y", "dev")
    assert server.market.rented == {}
