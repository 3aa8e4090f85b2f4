"""The storage suite, once for every wrong store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from stores import WRONG

from styx.testing import FakeClock, StorageConformance, services
from styx.testing.memory import MemoryObjects


class Suite(StorageConformance):
    """On a clock on which waiting takes no time."""

    kind: ClassVar[type[Any]]

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Any:
        """The wrong store."""
        return self.kind(services(tmp_path, MemoryObjects(), clock=FakeClock()))


globals().update(WRONG.suites(Suite))
del Suite
