"""The snapshot that the package ships, and the rules that hold for every catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from styx.catalog.rows import Snapshot
from styx.testing import CatalogConformance
from styx_gcp.refresh import GcpRefresher

if TYPE_CHECKING:
    from conftest import Google

ACCELERATORS = ("A100", "A100-80GB", "B200", "H100", "H100-MEGA", "H200", "L4", "P100", "P4", "T4", "V100")
# Prices that others have and that are not taken from them: in Asia of cloudpilot-ai/karpenter-provider-gcp, at commit
# 036c6e2c3ad4, initial-prices.json (H100 without local disks, 0.082193 for each), elsewhere of
# skypilot-org/skypilot-catalog (catalogs/v9/gcp/vms.csv, 2026-07-09).
ELSEWHERE = """
a3-highgpu-8g asia-east1 101.701232
c2-standard-60 asia-east1 3.62658
e2-micro asia-northeast1 0.010745715
e2-standard-8 asia-northeast1 0.34386288
f1-micro asia-northeast1 0.0092
g2-standard-12 asia-northeast1 1.284734612
g2-standard-96 asia-northeast1 10.277876896
m1-megamem-96 asia-northeast1 12.97792
m1-ultramem-40 asia-northeast1 7.6622
n1-highcpu-96 asia-northeast1 4.3675296
n1-standard-1 asia-northeast1 0.06093925
n2-highmem-128 asia-northeast1 9.88112
n2-standard-80 asia-northeast1 4.98352
n2d-highmem-16 asia-northeast1 1.168928
n2d-standard-224 asia-northeast1 12.140352
t2d-standard-60 asia-northeast1 3.25188
n1-standard-16 us-west4 0.85594
n1-highmem-8 europe-west6 0.61987
n1-highmem-8 southamerica-east1 0.75114
n2-highcpu-96 us-east4 3.8761
g2-standard-8 me-central2 1.36579
"""


class TestGcpCatalog(CatalogConformance):
    """With everything that is sold found by a server of the test's own."""

    accelerators = ACCELERATORS
    prices_elsewhere = ELSEWHERE
    agreement = 0.006  # of those that are worked out

    @pytest.fixture
    def package(self) -> str:
        """This one."""
        return "styx_gcp"

    @pytest.fixture
    def refresher(self, google: Google) -> GcpRefresher:
        """At work."""
        return google.refresher()

    def test_all_types_of_all_regions_are_there(self, snapshot: Snapshot) -> None:
        """With a type for each number of GPUs on N1."""
        assert len(snapshot.types) == 402
        assert len({row.region for row in snapshot.prices}) == 38

    def test_reservations_are_not_taken_for_prices(self, snapshot: Snapshot) -> None:
        """B200 can be had as spot; what the source has beside is the price of a reservation."""
        types = {row.instance_type for row in snapshot.types if row.accelerator == "B200"}
        prices = [row for row in snapshot.prices if row.instance_type in types]
        assert prices
        assert all(row.spot and not row.hourly for row in prices)

    def test_a_gpu_on_n1_is_a_type_of_its_own(self, snapshot: Snapshot) -> None:
        """It costs what both cost, in the zones that have both."""
        prices = {(row.instance_type, row.region): row for row in snapshot.prices}
        bare, both = prices["n1-standard-8", "us-west1"], prices["n1-standard-8+t4-2", "us-west1"]
        assert None not in (both.hourly, bare.hourly, both.spot, bare.spot)
        assert both.hourly - bare.hourly == pytest.approx(0.7e9, abs=2_000)
        assert both.spot - bare.spot == pytest.approx(0.383e9, abs=2_000)
        assert both.zones == ("us-west1-a", "us-west1-b")
        assert set(both.zones) < set(bare.zones)
