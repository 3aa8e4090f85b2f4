"""Every rule for clouds, on the cloud of the lane that runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from styx.api import Cloud, OfferQuery
from styx.testing import CloudConformance


class Rented(Protocol):
    """What the lane hands to the rules."""

    query: OfferQuery

    def cloud(self, state: Path) -> Cloud:
        """A cloud object with an installation of its own."""


class TestLive(CloudConformance):
    """Level 2."""

    @pytest.fixture
    def cloud(self, lane: Rented, tmp_path: Path) -> Cloud:
        """The cloud, paid for by the lane's purse."""
        return lane.cloud(tmp_path)

    @pytest.fixture
    def query(self, lane: Rented) -> OfferQuery:
        """The machine that costs least."""
        return lane.query
