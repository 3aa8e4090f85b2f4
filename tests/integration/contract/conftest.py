"""Wheels installed beside this core, into a directory of their own, and the program run with them."""

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
    """Where the wheels go."""
    return tmp_path / "site-packages"


@pytest.fixture
def install(site: Path) -> Callable[[Path], None]:
    """Install one wheel there by pip, which asks no index for anything."""

    def pip(wheel: Path) -> None:
        options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(site)]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, str(wheel)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    return pip


@pytest.fixture
def run(site: Path) -> Run:
    """Run this Python with what is installed there."""

    def python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        return subprocess.run(
            [sys.executable, *arguments], env=environment | {"PYTHONPATH": str(site), "NO_COLOR": "1"},
            cwd=cwd, capture_output=True, text=True, check=False, timeout=110,
        )  # fmt: skip

    return python


@pytest.fixture
def styx(run: Run) -> Run:
    """Run the program so."""
    return lambda *arguments: run("-m", "styx.cli.main", *arguments)
