"""A way to load YAML given as text, and an empty directory to stand in."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.spec import Task, load_task

Load = Callable[..., Task]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load(here: Path) -> Load:
    """Write a task file, ``task.yaml``, and load it; the arguments go to load_task."""

    def write_and_load(content: str | bytes, **options: object) -> Task:
        path = here / "task.yaml"
        path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
        return load_task("task.yaml", **options)

    return write_and_load
