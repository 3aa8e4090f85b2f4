"""The snapshot that the package ships, and the rules that hold for every catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from styx.catalog.rows import Snapshot
from styx.testing import CatalogConformance
from styx_azure.refresh import AzureRefresher

if TYPE_CHECKING:
    from conftest import Azure

ACCELERATORS = (
    "A10", "A100", "A100-80GB", "H100", "H100-94GB", "M60", "Radeon MI25", "T4", "V100", "V100-32GB",
)  # fmt: skip
# Prices that others have and that are not taken from them: australiacentral of Azure/karpenter-provider-azure at commit
# 0499866a0874, zz_generated.pricing.go of 2023-12-18, the others of skypilot-org/skypilot-catalog of 2024-08-18.
ELSEWHERE = """
Standard_D32s_v3 australiacentral 2.0
Standard_E16s_v3 australiacentral 1.277
Standard_E48_v3 australiacentral 3.623
Standard_B2s australiacentral 0.0528
Standard_B16ms australiacentral 0.845
Standard_D8s_v3 westus 0.468
Standard_D8s_v4 southcentralus 0.461
Standard_D96as_v4 westus 5.376
Standard_E8_v3 eastus2 0.532
Standard_E8s_v4 westus 0.56
Standard_E96as_v4 eastus 6.048
Standard_B1ms centralus 0.025
"""


class TestAzureCatalog(CatalogConformance):
    """With everything that is sold found by a server of the test's own."""

    accelerators = ACCELERATORS
    prices_elsewhere = ELSEWHERE

    @pytest.fixture
    def package(self) -> str:
        """This one."""
        return "styx_azure"

    @pytest.fixture
    def refresher(self, azure: Azure) -> AzureRefresher:
        """At work."""
        return azure.refresher()

    def test_all_sizes_of_all_regions_are_there(self, snapshot: Snapshot) -> None:
        """Those of which a source has a price."""
        assert len(snapshot.types) == 186
        assert len({row.region for row in snapshot.prices}) == 42

    def test_an_h100_is_the_one_with_80_gb(self, snapshot: Snapshot) -> None:
        """Eight are eight, though one of the sources says 12; NC sizes have another, under a name of its own."""
        found = {row[4:7] for row in snapshot.types if row.accelerator.startswith("H100")}
        assert found == {("H100", 8, 80), ("H100-94GB", 1, 94), ("H100-94GB", 2, 94)}

    def test_the_cheapest_sizes_are_burstable(self, snapshot: Snapshot) -> None:
        """Nobody is given one who did not ask for it."""
        found = {row.instance_type for row in snapshot.types if "burstable" in row.capabilities}
        assert found == {row.instance_type for row in snapshot.types if row.instance_type.startswith("Standard_B")}
        assert len(found) == 10

    def test_spot_is_cheaper_than_on_demand(self, snapshot: Snapshot) -> None:
        """A source that has no spot price repeats the other."""
        assert [row for row in snapshot.prices if row.spot and (not row.hourly or row.spot >= row.hourly)] == []
