"""The snapshot that the package ships, and the rules that hold for every catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from styx.catalog.rows import Snapshot
from styx.testing import CatalogConformance
from styx_aws.refresh import AwsRefresher

if TYPE_CHECKING:
    from conftest import Aws

ACCELERATORS = (
    "A100", "A100-80GB", "A10G", "B200", "B300", "H100", "H200", "Inferentia", "Inferentia2", "L4", "L40S", "T4", "T4g",
    "Trainium", "Trainium2", "U30", "V100", "V100-32GB", "VU47P",
)  # fmt: skip
# Prices that skypilot-org/skypilot-catalog has (catalogs/v9/aws/vms.csv, 2026-07-09) and that are not taken from it.
# None is that of a dedicated machine, which is 6 or 10 % higher.
ELSEWHERE = """
r7gd.12xlarge ap-south-1 2.112
r7gd.12xlarge eu-central-1 3.9236
r7gd.12xlarge eu-north-1 3.4474
r7gd.12xlarge us-west-1 3.6742
r7gd.16xlarge eu-north-1 4.5965
r7gd.2xlarge ap-south-1 0.352
m8g.12xlarge eu-central-1 2.58096
m8g.12xlarge eu-north-1 2.28912
t3.xlarge eu-south-1 0.1917
t3a.2xlarge us-west-1 0.3571
t3a.micro eu-central-1 0.0108
c3.2xlarge eu-west-1 0.478
r3.4xlarge us-east-2 1.328
a1.metal us-west-2 0.408
"""


class TestAwsCatalog(CatalogConformance):
    """With everything that is sold found by a server of the test's own."""

    accelerators = ACCELERATORS
    prices_elsewhere = ELSEWHERE

    @pytest.fixture
    def package(self) -> str:
        """This one."""
        return "styx_aws"

    @pytest.fixture
    def refresher(self, aws: Aws) -> AwsRefresher:
        """At work."""
        return aws.refresher()

    def test_all_types_of_all_regions_are_there(self, snapshot: Snapshot) -> None:
        """Those that EC2 lists."""
        assert len(snapshot.types) > 1300
        assert len({row.region for row in snapshot.prices}) == 30

    def test_what_is_built_for_something_else_is_no_plain_machine(self, snapshot: Snapshot) -> None:
        """Else the cheapest of so many vCPUs might be a video transcoder."""
        special = ("dl", "f1.", "f2.", "g", "inf", "p2.", "p3", "p4", "p5", "p6", "trn", "vt")
        plain = [row.instance_type for row in snapshot.types if not row.accelerator]
        assert [name for name in plain if name.startswith(special)] == []
