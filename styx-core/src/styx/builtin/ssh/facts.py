"""What a machine is: asked of it once, kept for a day, and overruled by what its owner says."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from styx.api import Accelerator
from styx.builtin import nvidia
from styx.builtin.disk import write_atomically
from styx.builtin.ssh.config import HostConfig
from styx.builtin.ssh.pins import file_name

MAX_AGE = timedelta(days=1)
_MIB = 1 << 20

PROBE = r"""
echo styx-facts
echo "cpus $(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc)"
echo "memory_kib $(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
echo "arch $(uname -m)"
echo "disk_kib $(df -Pk "$HOME" | awk 'NR == 2 { print $2 }')"
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=memory.total,name --format=csv,noheader,nounits | sed 's/^/gpu /'
fi
exit 0
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """The size of a machine."""

    vcpus: float
    memory_gib: float
    arch: str = "x86_64"
    disk_gib: int | None = None
    accelerators: tuple[Accelerator, ...] = ()

    @property
    def instance_type(self) -> str:
        """A name for machines of this size, like ``32cpu-128gib-8xA100``."""
        devices = "".join(f"-{device.count:g}x{device.name}" for device in self.accelerators)
        arch = "" if self.arch == "x86_64" else f"-{self.arch}"
        return f"{self.vcpus:g}cpu-{self.memory_gib:g}gib{devices}{arch}"


def parse(text: str) -> Facts:
    """Read what :data:`PROBE` prints. Raises ValueError when a size is missing: nothing is made up."""
    values: dict[str, str] = {}
    devices: list[tuple[str, int]] = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "gpu":
            memory, _, name = rest.partition(",")
            with contextlib.suppress(ValueError):  # "[N/A]": a device that cannot be used now
                devices.append((name.strip(), int(memory) * _MIB))
        else:
            values[word] = rest.strip()
    try:
        cpus, gib = int(values["cpus"]), int(values["memory_kib"]) / _MIB
        if cpus <= 0 or gib <= 0:
            raise ValueError
    except (KeyError, ValueError):
        raise ValueError("it does not say how many CPUs and how much memory it has") from None
    disk = int(values["disk_kib"]) // _MIB if values.get("disk_kib", "").isdecimal() else None
    return Facts(cpus, _steps(gib), values.get("arch") or "x86_64", disk, nvidia.accelerators(devices))


def stated(host: HostConfig) -> Facts | None:
    """What the settings say, if that is enough to offer the machine."""
    if host.vcpus is None or host.memory_gib is None:
        return None
    return overrule(Facts(host.vcpus, host.memory_gib), host)


def overrule(found: Facts, host: HostConfig) -> Facts:
    """The facts as the settings have them."""
    devices = None if host.accelerators is None else _devices(host.accelerators, found.accelerators)
    return replace(
        found,
        vcpus=host.vcpus or found.vcpus,
        memory_gib=host.memory_gib or found.memory_gib,
        accelerators=found.accelerators if devices is None else devices,
    )


class FactsCache:
    """Facts below one directory, a file for each machine. What cannot be read is asked again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, host: HostConfig, now: datetime) -> Facts | None:
        """The facts of the machine, unless they are a day old."""
        try:
            data = json.loads((self._directory / file_name(host)).read_text(encoding="utf-8"))
            if not timedelta(0) <= now - datetime.fromisoformat(data["asked_at"]) < MAX_AGE:
                return None
            devices = tuple(Accelerator(**device) for device in data["facts"].pop("accelerators"))
            return Facts(**data["facts"], accelerators=devices)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, host: HostConfig, facts: Facts, now: datetime) -> None:
        """Keep the facts; where nothing can be written they are asked again the next time."""
        data: dict[str, Any] = {"asked_at": now.isoformat(), "facts": asdict(facts)}
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._directory / file_name(host), json.dumps(data, sort_keys=True) + "\n")


def _devices(stated_devices: Mapping[str, int], found: Sequence[Accelerator]) -> tuple[Accelerator, ...]:
    memory = {device.name: device.memory_gib for device in found}
    return tuple(Accelerator(name, count, memory.get(name, 0)) for name, count in sorted(stated_devices.items()))


def _steps(gib: float) -> float:
    """Down to half a GiB, so that machines of one model, which differ by some MiB, count as the same."""
    return math.floor(gib * 2) / 2 or round(gib, 2)
