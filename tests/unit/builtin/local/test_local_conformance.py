"""The local cloud keeps the contract, as the conformance kit has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.builtin.local.cloud import LocalCloud
from styx.testing import services
from styx.testing.cloud import CloudConformance


class TestLocalCloud(CloudConformance):
    """Every rule for clouds."""

    @pytest.fixture
    def cloud(self, tmp_path: Path) -> LocalCloud:
        """A local cloud with no node yet."""
        return LocalCloud(services(tmp_path))
