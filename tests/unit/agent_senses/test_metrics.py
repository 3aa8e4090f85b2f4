"""Samples of a node, from fake trees and a clock that is moved by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from styx.agent import loop
from styx.agent.limits import Limits
from styx.agent.metrics import KEPT, Sampler

from .trees import MEMINFO, stat_lines, write

NET = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo: 1000 1 0 0 0 0 0 0 1000 1 0 0 0 0 0 0
  eth0: 500 1 0 0 0 0 0 0 70 1 0 0 0 0 0 0
docker0:30000 1 0 0 0 0 0 0 40000 1 0 0 0 0 0 0
"""
FIELDS = {
    "at", "cpu_percent", "memory_used", "memory_total", "disk_used", "disk_total", "net_received", "net_sent", "load",
    "gpus",
}  # fmt: skip


class Gpus:
    """Two devices."""

    def devices(self) -> list[dict[str, object]]:
        """Their facts."""
        return [{"index": 0, "name": "T4", "memory": 15}]

    def usage(self) -> list[dict[str, object]]:
        """Their use."""
        return [{"index": 0, "utilization": 5, "memory_used": 1, "memory_total": 15}]


class World:
    """A fake machine with a clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 1000.0
        write(root, {"proc/meminfo": MEMINFO, "proc/net/dev": NET, "proc/loadavg": "1.25 0.5 0.1 1/200 4321\n"})
        self.cpu(0, 0)

    def cpu(self, busy: int, idle: int) -> None:
        """Let the one CPU have been busy and idle for these ticks since boot."""
        write(self.root, {"proc/stat": stat_lines((busy, idle))})

    def sampler(self) -> Sampler:
        """A sampler of this machine."""
        limits = Limits(str(self.root / "proc"), affinity=[0])
        return Sampler(str(self.root), limits, Gpus(), str(self.root), clock=lambda: self.now)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fake machine."""
    return World(tmp_path)


def test_a_sample_has_the_form_of_the_protocol(world: World) -> None:
    """Every field is there, JSON can carry it, and sizes are whole numbers."""
    sample = world.sampler().sample()
    assert set(sample) == FIELDS
    assert json.loads(json.dumps(sample)) == sample
    sizes = [name for name in FIELDS if name.startswith(("memory", "disk", "net"))]
    assert all(isinstance(sample[name], int) and sample[name] >= 0 for name in sizes)
    assert (sample["memory_used"], sample["memory_total"]) == (8 << 30, 16 << 30)
    assert sample["load"] == 1.25
    assert sample["gpus"] == [{"index": 0, "utilization": 5, "memory_used": 1, "memory_total": 15}]
    assert 0 < sample["disk_used"] <= sample["disk_total"]


def test_cpu_percent_is_the_share_since_the_last_sample(world: World) -> None:
    """Each sample tells the interval before it, not the time since boot."""
    sampler = world.sampler()
    percents = []
    for busy, idle in ((25, 75), (125, 75), (125, 175)):
        world.cpu(busy, idle)
        world.now += 10
        percents.append(sampler.sample()["cpu_percent"])
    assert percents == [25.0, 100.0, 0.0]


def test_two_samples_in_no_time_tell_the_same(world: World) -> None:
    """An interval too short to count ticks in repeats the figure instead of inventing one."""
    sampler = world.sampler()
    world.cpu(50, 50)
    world.now += 1
    assert sampler.take()["cpu_percent"] == 50.0
    world.cpu(51, 50)
    world.now += 0.01
    assert sampler.take()["cpu_percent"] == 50.0


def test_counters_that_go_back_are_no_percentage(world: World) -> None:
    """A CPU taken offline makes no negative figure and none above 100."""
    sampler = world.sampler()
    world.cpu(500, 500)
    world.now += 10
    sampler.take()
    for busy, idle in ((100, 100), (90, 900), (5000, 100)):
        world.cpu(busy, idle)
        world.now += 10
        assert 0 <= sampler.take()["cpu_percent"] <= 100


def test_a_young_sample_is_given_again(world: World) -> None:
    """Asking often costs nothing: a sample stands for a few seconds."""
    sampler = world.sampler()
    first = sampler.sample()
    world.now += 4
    assert sampler.sample() is first
    world.now += 4
    assert sampler.sample() is not first


def test_without_hardware_every_interface_but_loopback_counts(world: World) -> None:
    """In a container the only way out is virtual."""
    assert world.sampler().sample()["net_received"] == 30500
    assert world.sampler().sample()["net_sent"] == 40070


def test_hardware_alone_counts_where_there_is_any(world: World) -> None:
    """What passes a bridge has passed, or will pass, the card as well."""
    (world.root / "sys/class/net/eth0/device").mkdir(parents=True)
    sample = world.sampler().sample()
    assert (sample["net_received"], sample["net_sent"]) == (500, 70)


def test_a_machine_that_shows_nothing_is_sampled_as_nothing(tmp_path: Path) -> None:
    """Missing files and a home that is gone give zeros, not errors."""
    limits = Limits(str(tmp_path), affinity=[0])
    sample = Sampler(str(tmp_path / "gone"), limits, Gpus(), str(tmp_path)).sample()
    assert set(sample) == FIELDS
    assert all(sample[name] == 0 for name in ("cpu_percent", "disk_total", "net_received", "net_sent", "load"))


def test_facts_are_what_hello_tells(world: World) -> None:
    """CPUs, memory in bytes, devices."""
    assert world.sampler().facts() == {
        "cpus": 1,
        "memory": 16 << 30,
        "gpus": [{"index": 0, "name": "T4", "memory": 15}],
    }


def test_running_takes_a_sample_each_interval(world: World) -> None:
    """The ring fills while it runs, up to its size."""
    sampler = world.sampler()

    async def main() -> None:
        task = loop.spawn(sampler.run(interval=0.0))
        for _ in range(KEPT + 20):
            await loop.sleep(0)
        task.cancel()
        await task.settled()

    loop.run(main())
    assert len(sampler.history()) == KEPT


def test_this_machine_can_be_sampled() -> None:
    """The real trees give a full sample."""
    sample = Sampler("/").sample()
    assert sample["memory_total"] > 0
    assert sample["disk_total"] > 0
