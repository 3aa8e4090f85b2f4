"""What the catalog says of single types."""

from __future__ import annotations

from typing import Any

import pytest

from styx_aws.machines import machine

NEURON = {"Name": "Inferentia2", "Count": 6, "MemoryInfo": {"SizeInMiB": 32768}}


def about(**more: Any) -> dict[str, Any]:
    """The least that EC2 says of a type."""
    return {
        "InstanceType": "x.large",
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64", "i386"]},
        "VCpuInfo": {"DefaultVCpus": 2},
        "MemoryInfo": {"SizeInMiB": 3840},
        **more,
    }


def device(name: str, count: int, mib: int, **more: Any) -> dict[str, Any]:
    """So many of a device, as EC2 writes them."""
    return {"Name": name, "Count": count, "MemoryInfo": {"SizeInMiB": mib}, **more}


def gpu(name: str, count: int, mib: int, **more: Any) -> dict[str, Any]:
    """A type with GPUs."""
    return about(GpuInfo={"Gpus": [device(name, count, mib, **more)]})


def test_a_plain_type_has_what_every_type_has() -> None:
    """64 bits where both are possible, GiB, no local disk, nothing special."""
    found = machine(about())
    assert found is not None
    assert (found.arch, found.memory_gib, found.accelerator, found.disk_gib) == ("x86_64", 3.75, None, 0)
    assert found.capabilities == frozenset()


@pytest.mark.parametrize(
    ("said", "name", "count", "memory"),
    [
        (gpu("A100", 8, 40960), "A100", 8, 40),
        (gpu("A100", 8, 81920), "A100-80GB", 8, 80),
        (gpu("V100", 8, 32768), "V100-32GB", 8, 32),
        (gpu("L4", 0, 2861, GpuPartitionSize=0.125, LogicalGpuCount=1), "L4", 0.125, 22),
        (gpu("L4", 4, 22888, GpuPartitionSize=1.0, LogicalGpuCount=4), "L4", 4, 22),
        (gpu("RTX PRO Server 6000", 2, 98304), "RTXPRO6000", 2, 96),
        (about(NeuronInfo={"NeuronDevices": [NEURON | {"Name": "Trainium2"}]}), "Trainium2", 6, 96),
        (about(NeuronInfo={"NeuronDevices": [NEURON]}), "Inferentia2", 6, 32),
        (about(InstanceType="trn2u.48xlarge"), "Trainium2", 16, 96),
        (about(FpgaInfo={"Fpgas": [device("Virtex UltraScale+ (VU47P)", 2, 81920)]}), "VU47P", 2, 80),
        (about(MediaAcceleratorInfo={"Accelerators": [device("U30", 1, 24576)]}), "U30", 1, 24),
        (about(InferenceAcceleratorInfo={"Accelerators": [device("Qualcomm X", 8, 16000)]}), "Qualcomm X", 8, 16),
    ],
)  # fmt: skip
def test_devices_have_the_names_that_task_files_use(said: dict[str, Any], name: str, count: float, memory: int) -> None:
    """One of twice the memory is another; a part of one counts as a part, with the memory of a whole one.

    FPGAs and video transcoders are devices too: who asks for a plain machine wants neither.
    """
    found = machine(said)
    assert found is not None
    assert found.accelerator is not None
    assert (found.accelerator.name, found.accelerator.count, found.accelerator.memory_gib) == (name, count, memory)


def test_a_mac_is_not_for_rent() -> None:
    """No Linux runs on it."""
    assert machine(about(ProcessorInfo={"SupportedArchitectures": ["arm64_mac"]})) is None
