"""Sizes of Azure as a catalog has them."""

from __future__ import annotations

import pytest

from styx_azure.machines import accelerator, machine


@pytest.mark.parametrize(
    ("size", "name", "memory"),
    [
        ("Standard_NC24ads_A100_v4", "A100-80GB", 80),
        ("Standard_NC40ads_H100_v5", "H100-94GB", 94),
        ("Standard_NCC40ads_H100_v5", "H100-94GB", 94),
        ("Standard_NC64as_T4_v3", "T4", 16),
        ("Standard_NC24rs_v3", "V100", 16),
        ("Standard_NC6s_v2", "P100", 16),
        ("Standard_NC24r", "K80", 12),
        ("Standard_ND40rs_v2", "V100-32GB", 32),
        ("Standard_ND96asr_v4", "A100", 40),
        ("Standard_ND96amsr_A100_v4", "A100-80GB", 80),
        ("Standard_ND96isr_H100_v5", "H100", 80),
        ("Standard_ND96isr_H200_v5", "H200", 141),
        ("Standard_ND96isr_MI300X_v5", "MI300X", 192),
        ("Standard_ND128isr_NDR_GB200_v6", "GB200", 186),
        ("Standard_NV36ads_A10_v5", "A10", 24),
        ("Standard_NV12s_v3", "M60", 8),
    ],
)
def test_devices_go_by_the_names_that_task_files_have(size: str, name: str, memory: int) -> None:
    """Which Azure says only in the name of the size."""
    found = accelerator(size, 4)
    assert found is not None
    assert (found.name, found.count, found.memory_gib) == (name, 4, memory)


def test_a_part_of_a_device_counts_as_a_fraction() -> None:
    """Azure's API says 1."""
    found = accelerator("Standard_NV6ads_A10_v5", 1)
    assert found is not None
    assert found.count == pytest.approx(1 / 6, abs=0.001)


def test_what_is_no_gpu_is_none() -> None:
    """FPGAs count as no GPUs, and what is new to us has no name that a task could ask for."""
    assert accelerator("Standard_NP10s", 0) is None
    assert accelerator("Standard_NX8_v9", 1) is None
    assert accelerator("Standard_D8s_v5", 0) is None


def test_vcpus_are_those_that_can_be_used() -> None:
    """Some sizes have the memory of a larger one."""
    said = {"vCPUs": "64", "vCPUsAvailable": "16", "MemoryGB": "432", "MaxResourceVolumeMB": "884736"}
    found = machine("Standard_E64-16s_v3", said)
    assert (found.vcpus, found.memory_gib, found.disk_gib, found.arch) == (16, 432, 864, "x86_64")
    with pytest.raises(KeyError):
        machine("Standard_E64-16s_v3", {"vCPUs": "64"})


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("Standard_DC8as_v5", {"confidential"}),
        ("Standard_NCC40ads_H100_v5", {"confidential"}),
        ("Standard_B2s", {"burstable"}),
        ("Standard_B8als_v2", {"burstable"}),
        ("Standard_D8as_v5", set()),
    ],
)
def test_what_is_special_about_a_size_is_told_by_its_name(size: str, words: set[str]) -> None:
    """Confidential ones, and those with full speed only for a while."""
    assert machine(size, {"vCPUs": "8", "MemoryGB": "32"}).capabilities == words
