"""What EC2 says of an instance type, in the words of a catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from styx.api import Accelerator, CatalogType

_MIB, _GB, _GIB = 1024, 10**9, 2**30
_SAME_NAME_TWICE = {("A100", 80): "A100-80GB", ("V100", 32): "V100-32GB"}  # as task files write them
_MEMORY = {"Trainium2": 96}  # EC2 says 512, AWS' description of the types 1.5 TB for 16
_OTHER_NAMES = {"RTX PRO Server 6000": "RTXPRO6000", "RTX PRO 4500": "RTXPRO4500"}
# Where EC2 tells of devices: GPUs, Trainium and Inferentia, FPGAs (f1, f2), Qualcomm's (dl2q), video transcoders (vt1).
_DEVICES = (
    ("GpuInfo", "Gpus"), ("NeuronInfo", "NeuronDevices"), ("FpgaInfo", "Fpgas"),
    ("InferenceAcceleratorInfo", "Accelerators"), ("MediaAcceleratorInfo", "Accelerators"),
)  # fmt: skip
# Where it says nothing: AWS' description of the types (Amazon EC2 Trn2) has 16 devices and 1.5 TB.
_UNSAID = {"trn2u.48xlarge": Accelerator("Trainium2", 16, 96)}


def machine(about: Mapping[str, Any]) -> CatalogType | None:
    """A member of the answer to DescribeInstanceTypes; None for a Mac, on which no Linux runs."""
    processors = about["ProcessorInfo"]["SupportedArchitectures"]
    arch = "x86_64" if "x86_64" in processors else processors[0]  # with i386 beside it, in any order
    if arch.endswith("_mac"):
        return None
    return CatalogType(
        instance_type=about["InstanceType"],
        vcpus=about["VCpuInfo"]["DefaultVCpus"],
        memory_gib=about["MemoryInfo"]["SizeInMiB"] / _MIB,
        arch=arch,
        accelerator=_accelerator(about),
        disk_gib=about.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0) * _GB // _GIB,
        capabilities=frozenset(_capabilities(about)),
    )


def _capabilities(about: Mapping[str, Any]) -> list[str]:
    said = {
        "bare-metal": about.get("BareMetal"),
        "burstable": about.get("BurstablePerformanceSupported"),
        "efa": about.get("NetworkInfo", {}).get("EfaSupported"),
    }
    return [name for name, true in said.items() if true]


def _accelerator(about: Mapping[str, Any]) -> Accelerator | None:
    """Any device that makes a type another thing than a plain machine, which a task would not ask for by its price."""
    devices = next((found for info, kind in _DEVICES if (found := about.get(info, {}).get(kind))), None)
    if devices is None:
        return _UNSAID.get(about["InstanceType"])
    device = devices[0]
    # A part of a GPU has the count 0: an eighth of an L4 is L4:0.125, and the memory that is told is the part's.
    part = device.get("GpuPartitionSize") or 1.0
    count = device["Count"] or part * device.get("LogicalGpuCount", 1)
    memory = round(device.get("MemoryInfo", {}).get("SizeInMiB", 0) / part / _MIB)
    name = str(device["Name"]).rpartition("(")[2].rstrip(")")  # the model of "Virtex UltraScale+ (VU47P)"
    name = _SAME_NAME_TWICE.get((name, memory), _OTHER_NAMES.get(name, name))
    return Accelerator(name, count, _MEMORY.get(name, memory))
