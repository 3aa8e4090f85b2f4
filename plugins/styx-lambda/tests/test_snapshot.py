"""The snapshot that the package ships, and the rules that hold for every catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from styx.catalog.rows import Snapshot
from styx.testing import CatalogConformance
from styx_lambda.machines import REGIONS
from styx_lambda.refresh import LambdaRefresher

if TYPE_CHECKING:
    from conftest import Api

ACCELERATORS = ("A10", "A100", "A100-80GB", "A6000", "B200", "GH200", "H100", "RTX6000", "V100")


class TestLambdaCatalog(CatalogConformance):
    """With everything that is sold found by a server of the test's own."""

    accelerators = ACCELERATORS

    @pytest.fixture
    def package(self) -> str:
        """This one."""
        return "styx_lambda"

    @pytest.fixture
    def refresher(self, api: Api) -> LambdaRefresher:
        """At work."""
        return api.refresher()

    def test_every_type_has_a_price_in_every_region(self, snapshot: Snapshot) -> None:
        """The same in each, and none as spot."""
        prices = {(row.instance_type, row.region): row.hourly for row in snapshot.prices}
        assert set(prices) == {(row.instance_type, region) for row in snapshot.types for region in REGIONS}
        assert len({(name, hourly) for (name, _), hourly in prices.items() if hourly}) == len(snapshot.types)
        assert not any(row.spot for row in snapshot.prices)
