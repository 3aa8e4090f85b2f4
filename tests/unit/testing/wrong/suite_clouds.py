"""The cloud suite, once for every wrong cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from clouds import WRONG

from styx.testing import CloudConformance, FakeClock, services
from styx.testing.memory import MemoryAccount


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all: nothing is kept there."""
    return tmp_path_factory.mktemp("state")


class Suite(CloudConformance):
    """On a clock on which waiting takes no time, with machines that are up at the second look.

    Machines are directories only for those clouds (``homes``) whose fault shows when commands run there: it takes time.
    """

    kind: ClassVar[type[Any]]

    @pytest.fixture
    def cloud(self, state: Path, request: pytest.FixtureRequest) -> Any:
        """The wrong cloud."""
        homes = request.getfixturevalue("tmp_path") if getattr(self.kind, "homes", False) else None
        return self.kind(services(state, MemoryAccount(boot_seconds=0.05, homes=homes), clock=FakeClock()))


globals().update(WRONG.suites(Suite))
del Suite
