"""An empty directory to stand in, and a way to fill it with task files and verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Fill = Callable[..., Path]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fill(here: Path) -> Fill:
    """Write files by name, and the verdicts on them."""

    def write(files: dict[str, str], verdicts: dict[str, Any] | None = None) -> Path:
        for name, content in files.items():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(content)
        if verdicts is not None:
            (here / "verdicts.json").write_text(json.dumps(verdicts))
        return here

    return write
