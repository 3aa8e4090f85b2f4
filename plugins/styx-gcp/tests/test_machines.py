"""Machine types of Compute Engine as a catalog has them, N1 with GPUs, and what both cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from styx.api import Accelerator
from styx_gcp.machines import ATTACHED, GPUS, family, gpu, plain, with_gpus
from styx_gcp.prices import rates, total


def test_n1_gets_a_name_for_each_number_of_gpus_that_it_may_have() -> None:
    """As many as Google allows with so many vCPUs and so much memory, and as there are in the zone."""
    small, large = (plain(f"n1-standard-{n}", n, n * 3.75, shared=False) for n in (8, 96))
    assert [each.instance_type for each in with_gpus(small, "T4", 16, 4)] == [
        "n1-standard-8+t4-1", "n1-standard-8+t4-2", "n1-standard-8+t4-4",
    ]  # fmt: skip
    assert [each.instance_type for each in with_gpus(small, "T4", 16, 1)] == ["n1-standard-8+t4-1"]
    assert [each.accelerator for each in with_gpus(large, "V100", 16, 8)] == [Accelerator("V100", 8, 16)]
    assert {family(each) for each in with_gpus(small, "T4", 16, 4)} == {"n1"}
    assert (small.vcpus, small.memory_gib) == (8, 30)


def test_other_families_have_nothing_attached() -> None:
    """Nor do GPUs that come with machines of their own, nor types that share a core."""
    assert not list(with_gpus(plain("n2-standard-8", 8, 32, shared=False), "T4", 16, 4))
    assert not list(with_gpus(plain("n1-standard-8", 8, 30, shared=False), "L4", 24, 8))
    assert not list(with_gpus(plain("n1-micro", 1, 1, shared=True), "T4", 16, 4))
    assert set(ATTACHED) <= {name for name, _ in GPUS.values()}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("nvidia-tesla-a100", "A100"),
        ("nvidia-a100-80gb", "A100-80GB"),
        ("nvidia-h100-80gb", "H100"),
        ("nvidia-h200-141gb", "H200"),
        ("nvidia-tesla-t4", "T4"),
    ],
)
def test_gpus_go_by_the_names_that_task_files_have(kind: str, name: str) -> None:
    """With the memory of each; those for workstations have a licence that is paid for beside."""
    found = gpu(kind, 2)
    assert found is not None
    assert (found.name, found.count) == (name, 2)
    assert found.memory_gib
    assert gpu(f"{kind}-vws", 2) is None


def test_arm_is_told_from_the_family() -> None:
    """Compute Engine's API says it of few types."""
    assert plain("t2a-standard-4", 4, 16, shared=False).arch == "arm64"
    assert plain("t2d-standard-4", 4, 16, shared=False).arch == "x86_64"


@pytest.mark.parametrize(
    ("description", "what", "spot"),
    [
        ("N2D AMD Instance Ram running in Sydney", "n2d Ram", False),
        ("Spot Preemptible Compute optimized Core running in Americas", "c2 Core", True),
        ("Nvidia Tesla V100 GPU attached to Spot Preemptible VMs running in Taiwan", "V100", True),
        ("SSD backed Local Storage in London", "disk", False),
        ("SSD backed Local Storage attached to Spot Preemptible VMs in Paris", "disk", True),
    ],
)
def test_a_price_is_told_by_all_of_its_description(description: str, what: str, spot: bool) -> None:
    """The same GPU has prices of reservations and commitments, which have more words."""
    price = {"units": "1", "nanos": 500_000_000}
    sku = {
        "category": {"usageType": "OnDemand"},
        "serviceRegions": ["r"],
        "pricingInfo": [{"pricingExpression": {"usageUnit": "h", "tieredRates": [{"unitPrice": price}]}}],
    }
    assert list(rates([sku | {"description": description}])) == [((what, "r", spot), Decimal("1.5"))]
    for more in ("Commitment v1: {}", "Custom {}", "{} for 1 Year", "Reserved {}"):
        odd = more.format(description).replace("for 1 Year in", "in")
        assert all(key[0] == what for key, _ in rates([sku | {"description": odd}]) if "for 1 Year" in odd)
        assert "for 1 Year" in odd or not list(rates([sku | {"description": odd}]))


def test_a_price_of_which_a_part_is_missing_is_not_known() -> None:
    """A machine without its memory would be too cheap."""
    machine = plain("n2-standard-8", 8, 32, shared=False)
    cores = {("n2 Core", "r", False): Decimal(1)}
    assert total(machine, "r", cores, spot=False) is None
    assert total(machine, "r", cores | {("n2 Ram", "r", False): Decimal(1)}, spot=False) == 40
    assert total(machine, "r", cores | {("n2 Ram", "r", False): Decimal(1)}, spot=True) is None
