"""What we may use of a machine: affinity, quotas and caps, as fake trees tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.agent.limits import Limits

from .trees import MEMINFO, V1_MOUNT, V2_MOUNT, stat_lines, write

GIB = 1 << 30


def v2(tmp_path: Path, files: dict[str, str], path: str = "/a/b", root: str = "/") -> Limits:
    """Limits of a process in a version 2 cgroup, on four CPUs and 16 GiB."""
    mount = tmp_path / "cgroup"
    (mount / "a" / "b").mkdir(parents=True)
    write(mount, files)
    mountinfo = "22 1 8:1 / / rw - ext4 /dev/sda rw\n" + V2_MOUNT.format(root=root, mount=mount)
    write(tmp_path, {"self/mountinfo": mountinfo, "self/cgroup": f"0::{path}\n", "meminfo": MEMINFO})
    return Limits(str(tmp_path), affinity=range(4))


def v1(tmp_path: Path, files: dict[str, str]) -> Limits:
    """Limits of a process in version 1 cgroups below /job, with cpu and cpuacct mounted together."""
    mounts = {"cpu,cpuacct": tmp_path / "cpu,cpuacct", "memory": tmp_path / "memory"}
    for mount in mounts.values():
        (mount / "job").mkdir(parents=True)
    write(tmp_path, files)
    lines = [V1_MOUNT.format(root="/", mount=mount, controllers=names) for names, mount in mounts.items()]
    groups = "4:memory:/job\n2:cpu,cpuacct:/job\n1:name=systemd:/job\n0::/job\n"
    write(tmp_path, {"self/mountinfo": "".join(lines), "self/cgroup": groups, "meminfo": MEMINFO})
    return Limits(str(tmp_path), affinity=range(4))


def test_without_limits_everything_may_be_used(tmp_path: Path) -> None:
    """No quota and no cap: all CPUs of the affinity mask, all memory."""
    limits = v2(tmp_path, {"a/cpu.max": "max 100000\n", "a/memory.max": "max\n"})
    assert limits.cpus == 4
    assert isinstance(limits.cpus, int)
    assert limits.memory() == (8 * GIB, 16 * GIB)


def test_nothing_readable_limits_nothing(tmp_path: Path) -> None:
    """A node without cgroups, or a /proc that shows nothing, is no error."""
    limits = Limits(str(tmp_path), affinity=[3])
    assert limits.cpus == 1
    assert limits.memory()[1] > 0
    assert limits.cpu_time(5.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"a/b/cpu.max": "150000 100000\n"}, 1.5),
        ({"a/b/cpu.max": "300000 100000\n", "a/cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"a/b/cpu.max": "900000 100000\n"}, 4),
        ({"a/b/cpu.max": "nonsense\n", "a/cpu.max": "1 0\n"}, 4),
    ],
)
def test_the_tightest_quota_on_the_way_up_counts(tmp_path: Path, files: dict[str, str], cpus: float) -> None:
    """Quotas of outer groups bind too, and none grants more than the affinity mask."""
    assert v2(tmp_path, files).cpus == cpus


def test_a_mount_that_begins_at_our_own_group_is_our_group(tmp_path: Path) -> None:
    """In a container the path in /proc/self/cgroup may be the host's and the mount the container's."""
    limits = v2(tmp_path, {"cpu.max": "100000 100000\n"}, path="/docker/1234", root="/docker/1234")
    assert limits.cpus == 1


@pytest.mark.parametrize("path", ["/elsewhere", "/../../..", "/docker/12345"])
def test_a_group_outside_the_mount_is_taken_for_the_mount(tmp_path: Path, path: str) -> None:
    """A path that the mount does not show leaves the mount itself, and nothing above it is read."""
    limits = v2(tmp_path, {"cpu.max": "100000 100000\n"}, path=path, root="/docker/1234")
    assert limits.cpus == 1


def test_version_1_quotas_count(tmp_path: Path) -> None:
    """Quota and period of version 1 are two files, -1 for none."""
    files = {
        "cpu,cpuacct/job/cpu.cfs_quota_us": "250000\n",
        "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    }
    assert v1(tmp_path, files).cpus == 2.5


def test_a_memory_cap_is_all_there_is(tmp_path: Path) -> None:
    """Under a cap total is the cap, and used is what the group holds without the cache it would give back."""
    files = {
        "a/b/memory.max": f"{4 * GIB}\n",
        "a/b/memory.current": f"{3 * GIB}\n",
        "a/b/memory.stat": f"anon 5\ninactive_file {GIB}\n",
    }
    assert v2(tmp_path, files).memory() == (2 * GIB, 4 * GIB)


def test_a_version_1_cap_and_its_huge_none(tmp_path: Path) -> None:
    """Version 1 writes no cap as a number larger than any memory."""
    files = {
        "memory/job/memory.limit_in_bytes": f"{2 * GIB}\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
        "memory/job/memory.usage_in_bytes": f"{GIB}\n",
        "memory/job/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 2}\n",
    }
    assert v1(tmp_path, files).memory() == (GIB // 2, 2 * GIB)
    files = {"memory/job/memory.limit_in_bytes": "9223372036854771712\n"}
    assert v1(tmp_path / "other", files).memory() == (8 * GIB, 16 * GIB)


def test_cpu_time_is_that_of_our_own_cpus(tmp_path: Path) -> None:
    """Only the CPUs of the affinity mask count, and guest time is not counted twice."""
    write(tmp_path, {"stat": stat_lines((100, 900), (500, 500), (0, 1000))})
    used, there = Limits(str(tmp_path), affinity=[0, 2]).cpu_time(0.0)
    assert used / there == pytest.approx(100 / 2000)


def test_under_a_quota_cpu_time_is_the_groups(tmp_path: Path) -> None:
    """What is used is what the limited group used, and what there is grows with the quota."""
    limits = v2(tmp_path, {"a/cpu.max": "150000 100000\n", "a/cpu.stat": "usage_usec 3000000\nuser_usec 1\n"})
    assert limits.cpu_time(10.0) == (3.0, 15.0)


def test_under_a_version_1_quota_cpu_time_is_the_groups(tmp_path: Path) -> None:
    """Version 1 counts in nanoseconds."""
    files = {
        "cpu,cpuacct/job/cpu.cfs_quota_us": "50000\n",
        "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        "cpu,cpuacct/job/cpuacct.usage": "4000000000\n",
    }
    assert v1(tmp_path, files).cpu_time(10.0) == (4.0, 5.0)


def test_this_machine_can_be_read() -> None:
    """The real /proc gives numbers that make sense."""
    limits = Limits()
    used, total = limits.memory()
    assert limits.cpus > 0
    assert 0 <= used <= total
    assert limits.cpu_time(0.0)[1] > 0
