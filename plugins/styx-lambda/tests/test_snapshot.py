"""The snapshot that the package ships."""

from __future__ import annotations

from importlib.resources import as_file, files

import pytest

from styx.catalog.entries import entries_of
from styx.catalog.rows import Snapshot
from styx.catalog.snapshot import read
from styx_lambda.machines import REGIONS


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """As it is shipped; strict, so that nothing in it is left out or out of order."""
    with as_file(files("styx_lambda") / "catalog") as folder:
        return read(folder, "lambda", strict=True)


def test_every_type_has_a_price_in_every_region(snapshot: Snapshot) -> None:
    """The same in each, and none as spot."""
    prices = {(row.instance_type, row.region): row.hourly for row in snapshot.prices}
    assert set(prices) == {(row.instance_type, region) for row in snapshot.types for region in REGIONS}
    assert len({(name, hourly) for (name, _), hourly in prices.items() if hourly}) == len(snapshot.types)
    assert not any(row.spot for row in snapshot.prices)


@pytest.mark.parametrize("name", ["A10", "A100", "A100-80GB", "A6000", "B200", "GH200", "H100", "RTX6000", "V100"])
def test_the_accelerators_that_task_files_name_are_there(snapshot: Snapshot, name: str) -> None:
    """With their memory."""
    found = [entry.accelerator for entry in entries_of(snapshot) if entry.accelerator]
    assert any(each.name == name and each.memory_gib for each in found)
