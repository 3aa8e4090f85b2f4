"""Ctrl-C, and what a client loads to ask a server something: programs, with both kinds of client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from styx.client.protocol import Client
from support.sides import PATIENCE, Side

DAG = "name: gone\n---\nname: long\nresources: {infra: local}\nrun: echo begun; sleep 600\n"


@pytest.fixture(autouse=True)
def _hears_interrupts() -> Iterator[None]:
    """What runs in the background of a shell, as these tests may, ignores Ctrl-C, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_run_leaves_nothing(side: Side, client: Client, tmp_path: Path) -> None:
    """Ctrl-C ends a run wherever it goes on, waits until its clusters are removed, and says so."""
    (tmp_path / "dag.yaml").write_text(DAG)
    with side.started("dag", "run", "dag.yaml", "--yes", cwd=tmp_path) as running:
        assert running.stdout is not None
        assert any("begun" in line for line in running.stdout)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert err.endswith("Stopped. What was running was removed.\n")
    assert client.status() == []


def test_an_interrupted_launch_says_what_there_is(side: Side, client: Client, tmp_path: Path) -> None:
    """Ctrl-C ends a launch in its midst, and the command says what exists by then."""
    with side.started("launch", "-c", "half", "--infra", "local", "--yes", "--", "true", cwd=tmp_path) as running:
        assert running.stderr is not None
        assert any("agent: starting" in line for line in running.stderr)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert "Stopped." in err
    assert ("half" in err) == bool(client.status(["half"]))
    for record in client.status(["half"]):
        assert record.operation is None
        client.down(record.name)


def test_who_leaves_a_log_leaves_the_job(side: Side, client: Client, tmp_path: Path) -> None:
    """Ctrl-C while a job's output is shown leaves the job running."""
    with side.started(
        "launch", "-c", "on", "--infra", "local", "--yes", "--", "echo begun; sleep 600", cwd=tmp_path
    ) as running:
        assert running.stdout is not None
        assert any("begun" in line for line in running.stdout)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert "Detached; the job goes on." in err
    assert client.job("on").state == "running"
    client.down("on")


HEAVY = ("sqlalchemy", "pydantic", "asyncio", "yaml", "rich", "styx.engine.engine", "styx.plugins.manager")
LOADED = f"""
import sys
from styx.cli.main import main
sys.argv = ["styx", "status"]
try:
    main()
except SystemExit as end:
    assert not end.code
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_asking_a_server_is_cheap(sides: Mapping[str, Side]) -> None:
    """`styx status` of a server loads neither the engine nor the database, nor what describes records."""
    environment = {**os.environ, **sides["remote"].environment}
    done = subprocess.run(
        [sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
