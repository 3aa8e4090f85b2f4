"""With every habit off the bazaar is a reference like the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.testing import CloudConformance, services
from styx.testing.bazaar import BazaarCloud, Habits, Market, bazaar


class TestKindBazaar(CloudConformance):
    """No bad habit at all, with machines that are directories."""

    @pytest.fixture
    def cloud(self, tmp_path: Path) -> BazaarCloud:
        """A cloud without habits."""
        market = Market.in_memory(Habits(), homes=tmp_path / "homes")
        return bazaar(market.habits)(services(tmp_path, market, clock=market.clock))


class TestKindBazaarOnFiles(CloudConformance):
    """The same, with the market in a directory."""

    @pytest.fixture
    def cloud(self, tmp_path: Path) -> BazaarCloud:
        """A cloud that finds its market by its directory."""
        market = Market.make(tmp_path / "market", Habits())
        config = {"market": str(tmp_path / "market")}
        return bazaar(market.habits)(services(tmp_path, config, clock=market.clock))
