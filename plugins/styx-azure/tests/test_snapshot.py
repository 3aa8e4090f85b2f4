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
    with as_file(files("styx_azure") / "catalog") as folder:
        return read(folder, "azure", strict=True)


@pytest.fixture(scope="module")
def devices(snapshot: Snapshot) -> dict[str, list[CatalogEntry]]:
    """What there is with each accelerator."""
    found: dict[str, list[CatalogEntry]] = {}
    for entry in entries_of(snapshot):
        if entry.accelerator:
            found.setdefault(entry.accelerator.name, []).append(entry)
    return found


def test_it_can_be_read_and_is_small(snapshot: Snapshot) -> None:
    """In less than 2 MB."""
    assert len(snapshot.types) == 186
    assert len({row.region for row in snapshot.prices}) == 42
    with as_file(files("styx_azure") / "catalog" / "prices.csv") as prices:
        assert prices.stat().st_size < 2_000_000


@pytest.mark.parametrize(
    "name", ["A10", "A100", "A100-80GB", "H100", "H100-94GB", "M60", "Radeon MI25", "T4", "V100", "V100-32GB"]
)
def test_the_accelerators_that_task_files_name_have_a_price(devices: dict[str, list[CatalogEntry]], name: str) -> None:
    """On demand, and as spot but H100; with their memory."""
    assert any(entry.hourly for entry in devices[name])
    assert any(entry.spot for entry in devices[name]) == (not name.startswith("H100"))
    assert all(entry.accelerator and entry.accelerator.memory_gib for entry in devices[name])


def test_eight_gpus_are_eight(devices: dict[str, list[CatalogEntry]]) -> None:
    """One of the sources says 12. Those of NC sizes have more memory, and a name of their own."""
    for name, counts, memory in (("H100", {8}, 80), ("H100-94GB", {1, 2}, 94)):
        found = {entry.accelerator for entry in devices[name] if entry.accelerator}
        assert ({each.count for each in found}, {each.memory_gib for each in found}) == (counts, {memory})


def test_spot_is_cheaper_than_on_demand(snapshot: Snapshot) -> None:
    """A source that has no spot price repeats the other."""
    assert [row for row in snapshot.prices if row.spot and (not row.hourly or row.spot >= row.hourly)] == []


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


@pytest.mark.parametrize("line", ELSEWHERE.split("\n")[1:-1])
def test_old_prices_agree_with_newer_catalogs(snapshot: Snapshot, line: str) -> None:
    """Azure changes them rarely."""
    name, region, price = line.split()
    (found,) = {row.hourly for row in snapshot.prices if (row.instance_type, row.region) == (name, region)}
    assert found is not None
    assert found / 1e9 == pytest.approx(float(price), rel=0.003)
