"""The reference backend keeps every rule that it is the reference for."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.testing import BackendConformance, services
from styx.testing.memory import MemoryBackend, MemoryRuntimes


class TestMemoryBackend(BackendConformance):
    """The whole suite, with real processes."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> MemoryBackend:
        """A backend without a runtime."""
        return MemoryBackend(services(tmp_path, MemoryRuntimes()))
