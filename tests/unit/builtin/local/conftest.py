"""What the tests of the local cloud share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from styx.api import Owner
from styx.builtin.local.nodes import NodeDirectory

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def owner() -> Owner:
    """An attempt of this installation."""
    return Owner("abc123", "train", "a001")


@pytest.fixture
def directory(tmp_path: Path) -> NodeDirectory:
    """The nodes of this installation; none yet, and the root does not exist either."""
    return NodeDirectory(tmp_path / "nodes", "abc123")
