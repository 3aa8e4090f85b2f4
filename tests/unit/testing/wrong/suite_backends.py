"""The backend suite, once for every wrong backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from backends import WRONG

from styx.testing import BackendConformance, services
from styx.testing.memory import MemoryRuntimes


class Suite(BackendConformance):
    """With little patience: what must come about does so within a second."""

    kind: ClassVar[type[Any]]

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Any:
        """The wrong backend."""
        return self.kind(services(tmp_path, MemoryRuntimes(grace=0.2)))

    @pytest.fixture
    def container_image(self) -> str:
        """What those with containers call theirs."""
        return str(getattr(self.kind, "image", ""))

    @pytest.fixture
    def patience(self) -> float:
        """Enough for a slow machine, as nothing but a fault uses it up."""
        return 10.0

    @pytest.fixture
    def settled(self) -> float:
        """Several times as long as the reference needs."""
        return 0.1


globals().update(WRONG.suites(Suite))
del Suite
