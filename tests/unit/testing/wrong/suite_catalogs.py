"""The catalog suite, once for every wrong catalog."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from catalogs import WRONG, Reference

from styx.api import Refresher
from styx.testing import CatalogConformance, services


class Suite(CatalogConformance):
    """With a refresher that finds something, and with what others say."""

    kind: ClassVar[type[Reference]]
    accelerators = ("A100",)
    prices_elsewhere = "a1 east 1.001"

    @pytest.fixture
    def package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """The wrong package."""
        monkeypatch.syspath_prepend(str(tmp_path))
        return self.kind().install(tmp_path)

    @pytest.fixture
    def refresher(self, tmp_path: Path) -> Refresher:
        """Its refresher, at work."""
        return self.kind.refresher(services(tmp_path))


globals().update(WRONG.suites(Suite))
del Suite
