"""The engine suite, once for every wrong engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from engines import WRONG, Config

from styx.api import ModelRequest
from styx.testing import EngineConformance, services


class Suite(EngineConformance):
    """With something that they refuse."""

    kind: ClassVar[type[Any]]

    @pytest.fixture
    def engine(self, tmp_path: Path) -> Any:
        """The wrong engine."""
        return self.kind(services(tmp_path, Config()))

    @pytest.fixture
    def request_refused(self) -> ModelRequest:
        """More nodes than one."""
        return ModelRequest("org/model", num_nodes=2)


globals().update(WRONG.suites(Suite))
del Suite
