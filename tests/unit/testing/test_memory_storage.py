"""The reference store keeps every rule that it is the reference for."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.testing import FakeClock, StorageConformance, services
from styx.testing.memory.storage import MemoryObjects, MemoryStorage


class TestMemoryStorage(StorageConformance):
    """The whole suite, on a clock on which waiting takes no time."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> MemoryStorage:
        """A store in memory."""
        return MemoryStorage(services(tmp_path, MemoryObjects(), clock=FakeClock()))
