"""What NVIDIA's driver calls devices, and what tasks call them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import Accelerator
from styx.builtin.nvidia import accelerators, canonical_name

GIB = 1 << 30


@pytest.mark.parametrize(
    ("product", "memory_gib", "name"),
    [
        ("NVIDIA A100-SXM4-40GB", 40, "A100"),
        ("NVIDIA A100 80GB PCIe", 80, "A100-80GB"),
        ("NVIDIA A100-SXM4-80GB", 80, "A100-80GB"),
        ("NVIDIA H100 80GB HBM3", 80, "H100"),
        ("NVIDIA H100 NVL", 94, "H100"),
        ("NVIDIA H100 PCIe", 80, "H100"),
        ("NVIDIA H200", 141, "H200"),
        ("NVIDIA GH200 480GB", 96, "GH200"),
        ("NVIDIA GH200 144G HBM3e", 144, "GH200"),
        ("NVIDIA B200", 180, "B200"),
        ("NVIDIA L4", 23, "L4"),
        ("NVIDIA L40S", 45, "L40S"),
        ("NVIDIA A10G", 23, "A10G"),
        ("Tesla T4", 15, "T4"),
        ("Tesla V100-SXM2-16GB", 16, "V100"),
        ("Tesla V100-SXM2-32GB", 32, "V100-32GB"),
        ("Tesla P100-PCIE-16GB", 16, "P100"),
        ("Tesla K80", 11, "K80"),
        ("NVIDIA GeForce RTX 4090", 24, "RTX4090"),
        ("NVIDIA GeForce RTX 3080 Ti", 12, "RTX3080TI"),
        ("NVIDIA GeForce RTX 4070 Laptop GPU", 8, "RTX4070"),
        ("NVIDIA RTX A6000", 48, "RTXA6000"),
        ("NVIDIA RTX 6000 Ada Generation", 48, "RTX6000-Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 96, "RTXPRO6000"),
        ("NVIDIA GB10", 0, "GB10"),
        ("GRID T4-16Q", 16, "T4"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 10, "H100"),
        ("NVIDIA", 0, "GPU"),
    ],
)
def test_product_names_become_the_names_tasks_use(product: str, memory_gib: float, name: str) -> None:
    """A product name loses what says how the device is built in or sold, and keeps the model."""
    assert canonical_name(product, memory_gib) == name


@given(st.text(max_size=80), st.floats(0, 1000))
def test_any_product_name_has_a_name_without_spaces(product: str, memory_gib: float) -> None:
    """Whatever a driver may say, there is a name, and it is one word."""
    name = canonical_name(product, memory_gib)
    assert name
    assert not any(letter.isspace() for letter in name)


def test_equal_devices_are_counted() -> None:
    """Devices of one model and size are one accelerator with a count, sorted by name."""
    devices = [("Tesla T4", 15 * GIB), ("NVIDIA A100-SXM4-80GB", 80 * GIB), ("Tesla T4", 15 * GIB)]
    assert accelerators(devices) == (Accelerator("A100-80GB", 1, 80), Accelerator("T4", 2, 15))


def test_no_device_is_no_accelerator() -> None:
    """A machine without devices has none."""
    assert accelerators([]) == ()
