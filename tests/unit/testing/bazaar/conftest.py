"""Stalls at the bazaar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from styx.api import OfferQuery
from styx.testing import services
from styx.testing.bazaar import Habits, Market, bazaar
from support.stalls import NewStall, Stall


@pytest.fixture
def stall(tmp_path: Path) -> NewStall:
    """Makes stalls."""

    def make(homes: Path | None = None, **habits: Any) -> Stall:
        market = Market.in_memory(Habits(**habits), homes=homes)
        cloud = bazaar(market.habits)(services(tmp_path, market, clock=market.clock))
        return Stall(market, cloud, min(cloud.offers(OfferQuery()), key=lambda offer: offer.hourly_price or 0))

    return make
