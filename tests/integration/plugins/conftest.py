"""The program, run for real with plugins installed beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory to install plugins in, which the program finds on its path."""
    directory = tmp_path / "site-packages"
    directory.mkdir()
    return directory


@pytest.fixture
def styx(site: Path) -> Run:
    """Run ``styx`` in a process of its own; keyword arguments are environment variables."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "styx.cli.main", *arguments],
            env={**os.environ, "PYTHONPATH": str(site), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run
