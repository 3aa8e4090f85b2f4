"""The second writer: the same offers as the CSV files that SkyPilot keeps below ``~/.sky/catalogs/v8``."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from benchmarks.offers import MEMORY
from benchmarks.peer import PEERS
from styx.api.catalog import CatalogEntry
from styx.api.offers import Accelerator

COLUMNS = {
    "aws": "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,"
    "AvailabilityZone,Arch",
    "gcp": "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,AvailabilityZone,Price,"
    "SpotPrice",
    "azure": "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,Generation",
    "runpod": "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Region,SpotPrice,Price,AvailabilityZone,"
    "GpuInfo",
    "lambda": "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice",
}
IMAGES = "Tag,Region,OS,OSVersion,ImageId,CreationDate"
# Files that have to be there so that nothing is fetched; SkyPilot asks all its clouds for accelerators.
EMPTY = {
    "aws/instance_quota_mapping.csv": "InstanceType,OnDemandInstanceCode,SpotInstanceCode",
    "gcp/accelerator_quota_mapping.csv": "Accelerator,OnDemandInstanceCode,SpotInstanceCode",
    "kubernetes/images.csv": IMAGES,
    "oci/images.csv": IMAGES,
    "scp/images.csv": IMAGES,
    **{
        f"{cloud}/vms.csv": COLUMNS["aws"]
        for cloud in (
            "cudo", "do", "fluidstack", "hyperbolic", "ibm", "mithril", "nebius", "oci", "paperspace", "primeintellect",
            "scp", "seeweb", "shadeform", "vast", "verda", "yotta",
        )
    },
}  # fmt: skip
HOST_SHARE = Decimal("0.25")  # of a price, where machine and accelerators are sold apart

Facts = dict[str, object]


def write(folder: Path, sold: Mapping[str, Sequence[CatalogEntry]]) -> int:
    """Write what each made-up cloud sells as the catalog of its peer; return the bytes of all types and prices."""
    size = 0
    for cloud, entries in sold.items():
        peer = PEERS[cloud]
        columns = COLUMNS[peer].split(",")
        size += _write(folder, f"{peer}/vms.csv", columns, (_cells(columns, facts) for facts in _rows(peer, entries)))
        regions = sorted({entry.region for entry in entries})
        if peer in {"aws", "gcp", "azure"}:
            _write(folder, f"{peer}/images.csv", IMAGES.split(","), _images([""] if peer == "azure" else regions))
    for name, header in EMPTY.items():
        _write(folder, name, header.split(","), ())
    clouds = str([peer.upper() for peer in COLUMNS])
    devices = ((name, clouds, memory, "NVIDIA") for name, memory in MEMORY.items())
    _write(
        folder, "common/accelerators.csv", ["AcceleratorName", "Clouds", "AcceleratorMemory", "Manufacturer"], devices
    )
    return size


def _rows(peer: str, entries: Iterable[CatalogEntry]) -> Iterator[Facts]:
    told = set()
    for entry in entries:
        facts = _facts(entry)
        if peer != "gcp" or entry.accelerator is None:
            yield facts
            continue
        assert entry.hourly is not None
        assert entry.spot is not None
        host, spot = round(entry.hourly * HOST_SHARE, 5), round(entry.spot * HOST_SHARE, 6)
        machine = dict.fromkeys(("AcceleratorName", "AcceleratorCount", "GpuInfo"))
        yield facts | machine | {"Price": host, "SpotPrice": spot}
        what = (entry.accelerator, entry.zones)
        assert what not in told, "one type of machine for each number of accelerators"
        told.add(what)
        apart = dict.fromkeys(("InstanceType", "vCPUs", "MemoryGiB"))
        yield facts | apart | {"Price": entry.hourly - host, "SpotPrice": entry.spot - spot}


def _facts(entry: CatalogEntry) -> Facts:
    device = entry.accelerator
    return {
        "InstanceType": entry.instance_type,
        "AcceleratorName": device and device.name,
        "AcceleratorCount": device and float(device.count),
        "vCPUs": entry.vcpus,
        "MemoryGiB": entry.memory_gib,
        "GpuInfo": device and _gpu_info(device),
        "Price": entry.hourly,
        "SpotPrice": entry.spot,
        "Region": entry.region,
        "AvailabilityZone": " ".join(entry.zones),
        "Arch": entry.arch,
        "Generation": "V1,V2",
    }


def _gpu_info(device: Accelerator) -> str:
    memory = 1024 * device.memory_gib
    gpu = {
        "Name": device.name,
        "Manufacturer": "NVIDIA",
        "Count": float(device.count),
        "MemoryInfo": {"SizeInMiB": memory},
    }
    return str({"Gpus": [gpu], "TotalGpuMemoryInMiB": int(memory * device.count)})


def _images(regions: Iterable[str]) -> Iterator[tuple[object, ...]]:
    """Images by the names that SkyPilot has in its code; at Azure's they are of no region."""
    names = ("ubuntu", "ubuntu-2204", "ubuntu-cuda13", "ubuntu-2204-cuda13", "ubuntu-v1", "ubuntu-v2")
    for region in regions:
        for kind in ("gpu", "cpu", "custom-gpu", "custom-cpu"):
            for name in names:
                yield f"skypilot:{kind}-{name}", region, "ubuntu", "22.04", f"made-up:ubuntu:{kind}:1", 20250101


def _cells(columns: Iterable[str], facts: Facts) -> list[object]:
    return ["" if facts[column] is None else facts[column] for column in columns]


def _write(folder: Path, name: str, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> int:
    """One file, and beside it the checksum by which SkyPilot takes it for one that it has just fetched."""
    path, checksum = folder / name, folder / ".meta" / f"{name}.md5"
    for each in (path, checksum):
        each.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    content = path.read_bytes()
    checksum.write_text(hashlib.md5(content, usedforsecurity=False).hexdigest(), encoding="utf-8")
    return len(content)
