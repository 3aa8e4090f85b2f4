"""What this node has and how busy it is: a sample every few seconds, the newest kept for who asks."""

from __future__ import annotations

import os
import time
from collections import deque

from . import gpus, loop
from .limits import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

INTERVAL = 5.0
KEPT = 60
_SHORTEST = 0.2  # seconds over which a share of CPU time means something: the kernel counts in hundredths


class Sampler:
    """Samples of this node, in the form of ``metrics.sample``. Nothing here raises: what cannot be read is 0."""

    def __init__(
        self,
        home: str,
        limits: Limits | None = None,
        nvml: Any = gpus,
        root: str = "/",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home = home
        self._limits = Limits() if limits is None else limits
        self._nvml = nvml
        self._root = root
        self._clock = clock
        self._ring: deque[tuple[float, dict[str, Any]]] = deque(maxlen=KEPT)
        self._counted_at = clock()
        self._counted = self._limits.cpu_time(self._counted_at)
        self._percent = 0.0

    async def run(self, interval: float = INTERVAL) -> None:
        """Take a sample now and every ``interval`` seconds, until cancelled."""
        while True:
            self.take()
            await loop.sleep(interval)

    def sample(self) -> dict[str, Any]:
        """Return the newest sample, or a new one where none is young."""
        if self._ring and self._clock() - self._ring[-1][0] <= INTERVAL:
            return self._ring[-1][1]
        return self.take()

    def history(self) -> list[dict[str, Any]]:
        """Return the last samples, the oldest first."""
        return [sample for _, sample in self._ring]

    def facts(self) -> dict[str, Any]:
        """Return ``cpus``, ``memory`` (bytes) and ``gpus`` as ``hello`` tells them."""
        return {"cpus": self._limits.cpus, "memory": self._limits.memory()[1], "gpus": self._nvml.devices()}

    def take(self) -> dict[str, Any]:
        """Take a sample now."""
        memory_used, memory_total = self._limits.memory()
        disk_used, disk_total = _disk(self._home)
        received, sent = _network(self._root)
        sample = {
            "at": time.time(),
            "cpu_percent": self._cpu_percent(),
            "memory_used": memory_used,
            "memory_total": memory_total,
            "disk_used": disk_used,
            "disk_total": disk_total,
            "net_received": received,
            "net_sent": sent,
            "load": _load(self._root),
            "gpus": self._nvml.usage(),
        }
        self._ring.append((self._clock(), sample))
        return sample

    def _cpu_percent(self) -> float:
        """Return how much of what we may use was used since the last count; that again when it was just now."""
        now = self._clock()
        if now - self._counted_at >= _SHORTEST:
            counted = self._limits.cpu_time(now)
            used, there = counted[0] - self._counted[0], counted[1] - self._counted[1]
            # Counters go back when a CPU is taken offline; that interval says nothing.
            self._percent = round(max(0.0, min(100.0, 100.0 * used / there)), 1) if there > 0 else 0.0
            self._counted, self._counted_at = counted, now
        return self._percent


def _disk(home: str) -> tuple[int, int]:
    """Return (used, total) of the home's file system as its user sees it: without what is reserved for root."""
    try:
        found = os.statvfs(home)
    except OSError:
        return 0, 0
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    return used, used + found.f_bavail * found.f_frsize


def _network(root: str) -> tuple[int, int]:
    """Return the bytes (received, sent) since boot by hardware; in a container, which has none, by all but loopback.

    Bridges, bonds and tunnels would count the same bytes again.
    """
    everything = list(_interfaces(root))
    hardware = [one for one in everything if os.path.exists(os.path.join(root, "sys/class/net", one[0], "device"))]
    counted = hardware or everything
    return sum(one[1] for one in counted), sum(one[2] for one in counted)


def _interfaces(root: str) -> Iterator[tuple[str, int, int]]:
    try:
        with open(os.path.join(root, "proc/net/dev")) as file:
            lines = file.read().splitlines()[2:]
    except OSError:
        return
    for line in lines:
        name, _, figures = line.partition(":")
        numbers = figures.split()
        if name.strip() != "lo" and len(numbers) > 8 and numbers[0].isdigit() and numbers[8].isdigit():  # noqa: PLR2004
            yield name.strip(), int(numbers[0]), int(numbers[8])


def _load(root: str) -> float:
    """Return how many processes ran or waited to run, on average over the last minute, on the whole machine."""
    try:
        with open(os.path.join(root, "proc/loadavg")) as file:
            return float(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
