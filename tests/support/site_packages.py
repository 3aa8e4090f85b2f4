"""A directory that stands for site-packages, to install plugins in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory at the end of ``sys.path``; what is imported from there is forgotten at the end."""
    directory = tmp_path / "site-packages"
    directory.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(directory)])
    yield directory
    for name, module in list(sys.modules.items()):
        if str(directory) in (getattr(module, "__file__", None) or ""):
            del sys.modules[name]
    sys.path_importer_cache.pop(str(directory), None)
