"""The sandbox suite, once for every wrong provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from sandboxes import WRONG, Config

from styx.testing import SandboxConformance, services


class Suite(SandboxConformance):
    """In directories."""

    kind: ClassVar[type[Any]]

    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Any:
        """The wrong provider."""
        return self.kind(services(tmp_path, Config(root=tmp_path / "sandboxes")))


globals().update(WRONG.suites(Suite))
del Suite
