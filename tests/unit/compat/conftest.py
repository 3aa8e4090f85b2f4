"""A way to fill a directory with task files and verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Fill = Callable[..., Path]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Write files by name, and the verdicts on them."""

    def write(files: dict[str, str], verdicts: dict[str, Any] | None = None) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        if verdicts is not None:
            (tmp_path / "verdicts.json").write_text(json.dumps(verdicts))
        return tmp_path

    return write
