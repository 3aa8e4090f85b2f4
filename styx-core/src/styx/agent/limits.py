"""How much of this machine its processes may use: CPU affinity, and the limits of the cgroups we are in."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

_TICKS = os.sysconf("SC_CLK_TCK")
_BUSY = (0, 1, 2, 5, 6, 7)  # of a line of /proc/stat: user, nice, system, irq, softirq, steal
_COUNTED = 8  # what follows, guest time, is part of user time


class Limits:
    """What we may use, and how much of it is used. Raises nothing: what cannot be read limits nothing."""

    def __init__(self, proc: str = "/proc", affinity: Iterable[int] | None = None) -> None:
        self._proc = proc
        self._affinity = set(_affinity() if affinity is None else affinity)
        self._groups = _own_groups(proc)
        self._quota, self._quota_group = self._cpu_quota()
        self._cap, self._cap_group = self._memory_cap()

    @property
    def cpus(self) -> float:
        """How many CPUs may be kept busy; a whole number unless a quota grants a part of one."""
        usable = min(float(len(self._affinity)), self._quota)
        return int(usable) if usable == int(usable) else round(usable, 2)

    def memory(self) -> tuple[int, int]:
        """Return (used, total) in bytes; memory that is given back on demand counts as not used."""
        info = _table(_read(self._proc, "meminfo").replace(":", " "))
        total = info.get("MemTotal", 0) * 1024 or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        used = total - info.get("MemAvailable", info.get("MemFree", 0)) * 1024
        if self._cap_group is not None and self._cap < total:
            usage, stat, cache = (
                ("memory.current", "memory.stat", "inactive_file")
                if _read(self._cap_group, "memory.current")
                else ("memory.usage_in_bytes", "memory.stat", "total_inactive_file")
            )
            held = _number(_read(self._cap_group, usage), 0)
            used, total = held - _table(_read(self._cap_group, stat)).get(cache, 0), int(self._cap)
        return max(0, min(used, total)), total

    def cpu_time(self, now: float) -> tuple[float, float]:
        """Return (CPU seconds used, CPU seconds there were) since some moment; the shares of two calls' differences."""
        if self._quota < len(self._affinity) and self._quota_group is not None:
            used = _used_by_group(self._quota_group)
            if used is not None:
                return used, now * self._quota
        busy = there = 0
        for line in _read(self._proc, "stat").splitlines():
            name, _, figures = line.partition(" ")
            if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in self._affinity:
                ticks = [int(figure) for figure in figures.split()[:_COUNTED]]
                busy += sum(ticks[at] for at in _BUSY if at < len(ticks))
                there += sum(ticks)
        return busy / _TICKS, there / _TICKS

    def _cpu_quota(self) -> tuple[float, str | None]:
        best: tuple[float, str | None] = (float("inf"), None)
        for group in self._groups.get("", []):
            allowed, _, period = _read(group, "cpu.max").strip().partition(" ")
            if allowed.isdigit() and period.isdigit() and int(period):
                best = min(best, (int(allowed) / int(period), group), key=_first)
        usage = self._groups.get("cpuacct", [])
        for at, group in enumerate(self._groups.get("cpu", [])):
            allowed_us = _number(_read(group, "cpu.cfs_quota_us"), -1)
            period_us = _number(_read(group, "cpu.cfs_period_us"), 0)
            if allowed_us > 0 and period_us > 0:
                counted = usage[at] if at < len(usage) else group
                best = min(best, (allowed_us / period_us, counted), key=_first)
        return best

    def _memory_cap(self) -> tuple[float, str | None]:
        best: tuple[float, str | None] = (float("inf"), None)
        files = [(group, "memory.max") for group in self._groups.get("", [])]
        files += [(group, "memory.limit_in_bytes") for group in self._groups.get("memory", [])]
        for group, name in files:
            cap = _read(group, name).strip()
            if cap.isdigit():  # else "max", or no such file: the root has none
                best = min(best, (float(cap), group), key=_first)
        return best


def _affinity() -> Iterable[int]:
    # macOS, where `styx` may run but no agent does, has neither this nor /proc.
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def _own_groups(proc: str) -> dict[str, list[str]]:
    """Return the directories of our cgroups, the innermost first, by controller; "" stands for version 2.

    What /proc/self/cgroup names may lie above what is mounted here: in a container without a cgroup namespace the
    mount begins at the container's own group. The mount then is the group.
    """
    mounts = {}
    for line in _read(proc, "self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) > 4 and len(kind) > 2 and kind[0] in ("cgroup", "cgroup2"):  # noqa: PLR2004
            for controller in kind[2].split(",") if kind[0] == "cgroup" else [""]:
                mounts[controller] = (fields[3], fields[4])
    groups = {}
    for line in _read(proc, "self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            if controller in mounts:
                groups[controller] = _upwards(*mounts[controller], path)
    return groups


def _upwards(root: str, mount: str, path: str) -> list[str]:
    inside = path[len(root) :] if (path + "/").startswith(root.rstrip("/") + "/") else ""
    parts = [part for part in inside.split("/") if part and part != ".."]
    found = [os.path.join(mount, *parts[:count]) for count in range(len(parts), -1, -1)]
    return [group for group in found if os.path.isdir(group)]


def _used_by_group(group: str) -> float | None:
    used = _table(_read(group, "cpu.stat")).get("usage_usec")
    if used is not None:
        return used / 1e6
    nanoseconds = _number(_read(group, "cpuacct.usage"), -1)
    return nanoseconds / 1e9 if nanoseconds >= 0 else None


def _read(directory: str, name: str) -> str:
    try:
        with open(os.path.join(directory, name), errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _number(text: str, default: int) -> int:
    try:
        return int(text)
    except ValueError:
        return default


def _table(text: str) -> dict[str, int]:
    """Return the numbers of a file with a name and a number on each line."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def _first(pair: tuple[float, str | None]) -> float:
    return pair[0]
