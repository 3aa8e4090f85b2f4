"""The snapshot that the package ships."""

from __future__ import annotations

from importlib.resources import as_file, files

import pytest

from styx.api import CatalogEntry
from styx.catalog.entries import entries_of
from styx.catalog.rows import Snapshot
from styx.catalog.snapshot import read


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """As it is shipped; strict, so that nothing in it is left out or out of order."""
    with as_file(files("styx_gcp") / "catalog") as folder:
        return read(folder, "gcp", strict=True)


@pytest.fixture(scope="module")
def devices(snapshot: Snapshot) -> dict[str, list[CatalogEntry]]:
    """What there is with each accelerator."""
    found: dict[str, list[CatalogEntry]] = {}
    for entry in entries_of(snapshot):
        if entry.accelerator:
            found.setdefault(entry.accelerator.name, []).append(entry)
    return found


def test_it_can_be_read_and_is_small(snapshot: Snapshot) -> None:
    """All types of all regions, in less than 2 MB."""
    assert len(snapshot.types) == 402
    assert len({row.region for row in snapshot.prices}) == 38
    with as_file(files("styx_gcp") / "catalog" / "prices.csv") as prices:
        assert prices.stat().st_size < 2_000_000


@pytest.mark.parametrize(
    "name", ["A100", "A100-80GB", "H100", "H100-MEGA", "H200", "L4", "P100", "P4", "T4", "V100"]
)  # fmt: skip
def test_the_accelerators_that_task_files_name_have_a_price(devices: dict[str, list[CatalogEntry]], name: str) -> None:
    """On demand and as spot, somewhere, with their memory."""
    assert any(entry.hourly for entry in devices[name])
    assert any(entry.spot for entry in devices[name])
    assert all(entry.accelerator and entry.accelerator.memory_gib for entry in devices[name])


def test_reservations_are_not_taken_for_prices(devices: dict[str, list[CatalogEntry]]) -> None:
    """B200 can be had as spot; what the source has beside is the price of a reservation."""
    assert not any(entry.hourly for entry in devices["B200"])
    assert all(entry.spot for entry in devices["B200"])


def test_a_gpu_on_n1_is_a_type_of_its_own(snapshot: Snapshot) -> None:
    """It costs what both cost, in the zones that have both."""
    prices = {(row.instance_type, row.region): row for row in snapshot.prices}
    bare, both = prices["n1-standard-8", "us-west1"], prices["n1-standard-8+t4-2", "us-west1"]
    assert None not in (both.hourly, bare.hourly, both.spot, bare.spot)
    assert both.hourly - bare.hourly == pytest.approx(0.7e9, abs=2_000)
    assert both.spot - bare.spot == pytest.approx(0.383e9, abs=2_000)
    assert both.zones == ("us-west1-a", "us-west1-b")
    assert set(both.zones) < set(bare.zones)
    assert len({row.instance_type for row in snapshot.types}) == len(snapshot.types)


def test_spot_is_never_dearer_than_on_demand(snapshot: Snapshot) -> None:
    """Google promises as much; figures of different months might not agree."""
    assert [row for row in snapshot.prices if row.spot and row.hourly and row.spot > row.hourly] == []


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


@pytest.mark.parametrize("line", ELSEWHERE.split("\n")[1:-1])
def test_prices_agree_with_another_catalog(snapshot: Snapshot, line: str) -> None:
    """Those that are worked out are right to 0.6 %."""
    name, region, price = line.split()
    (found,) = {row.hourly for row in snapshot.prices if (row.instance_type, row.region) == (name, region)}
    assert found is not None
    assert found / 1e9 == pytest.approx(float(price), rel=0.006)
