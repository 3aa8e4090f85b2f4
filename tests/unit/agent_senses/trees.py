"""Fake /proc and /sys trees."""

from __future__ import annotations

from pathlib import Path

V2_MOUNT = "41 31 0:31 {root} {mount} rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
V1_MOUNT = "32 31 0:29 {root} {mount} rw,relatime - cgroup cgroup rw,{controllers}\n"
MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\nHugePages_Total:  0\n"


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below a root; their directories are made."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def stat_lines(*cpus: tuple[int, int]) -> str:
    """/proc/stat with (busy, idle) ticks for each CPU, half of the busy ones the system's; guest time is told twice."""
    lines = ["cpu  1 2 3 4 5 6 7 8 9 10"]
    lines += [f"cpu{at} {busy - busy // 2} 0 {busy // 2} {idle} 0 0 0 0 77 0" for at, (busy, idle) in enumerate(cpus)]
    return "\n".join([*lines, "intr 1 2 3", "btime 12345", ""])
