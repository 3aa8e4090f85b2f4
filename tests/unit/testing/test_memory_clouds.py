"""The reference clouds keep every rule that they are the reference for."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from styx.testing import CloudConformance, FakeClock, services
from styx.testing.memory import (
    AnonymousMemoryCloud,
    BareMemoryCloud,
    MemoryAccount,
    MemoryCloud,
    NamedMemoryCloud,
    SearchableMemoryCloud,
)


class MemoryConformance(CloudConformance):
    """The whole suite, on a clock on which waiting takes no time."""

    kind: ClassVar[type[BareMemoryCloud]]

    @pytest.fixture
    def cloud(self, tmp_path: Path) -> BareMemoryCloud:
        """A cloud whose machines are directories, so that commands can run on them."""
        account = MemoryAccount(homes=tmp_path / "homes")
        return self.kind(services(tmp_path, account, clock=FakeClock()))


class TestBareMemoryCloud(MemoryConformance):
    """No capability beyond the contract's core."""

    kind = BareMemoryCloud


class TestMemoryCloud(MemoryConformance):
    """Every capability, and tokens."""

    kind = MemoryCloud


class TestNamedMemoryCloud(MemoryConformance):
    """Unique names."""

    kind = NamedMemoryCloud


class TestSearchableMemoryCloud(MemoryConformance):
    """Tags alone."""

    kind = SearchableMemoryCloud


class TestAnonymousMemoryCloud(MemoryConformance):
    """The id in the receipt alone."""

    kind = AnonymousMemoryCloud
