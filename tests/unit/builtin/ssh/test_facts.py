"""What machines say of their size, and what is made of it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import Accelerator
from styx.builtin.ssh.config import HostConfig
from styx.builtin.ssh.facts import Facts, FactsCache, overrule, parse, stated

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DGX = """Welcome to dgx-01!
styx-facts
cpus 256
memory_kib 2113462272
arch x86_64
disk_kib 1887436800
gpu 81920, NVIDIA A100-SXM4-80GB
gpu 81920, NVIDIA A100-SXM4-80GB
gpu [N/A], NVIDIA A100-SXM4-80GB
"""


def test_a_machine_with_gpus() -> None:
    """Equal devices are counted under the name that tasks use; one that cannot be asked does not count."""
    facts = parse(DGX)
    assert facts == Facts(256, 2015.5, "x86_64", 1800, (Accelerator("A100-80GB", 2, 80),))
    assert facts.instance_type == "256cpu-2015.5gib-2xA100-80GB"


def test_machines_of_one_model_are_one_size() -> None:
    """Some MiB more or less, as firmware takes them, make no other machine."""
    sizes = {parse(f"cpus 8\nmemory_kib {kib}\narch aarch64").instance_type for kib in (32650000, 32670000, 32512000)}
    assert sizes == {"8cpu-31gib-aarch64"}


@pytest.mark.parametrize(
    "text", ["", "cpus\nmemory_kib 5", "cpus 4", "memory_kib 4", "cpus four\nmemory_kib 4", "cpus 4\nmemory_kib 0"]
)
def test_what_is_not_said_is_not_made_up(text: str) -> None:
    """Without CPUs or memory there are no facts."""
    with pytest.raises(ValueError, match="does not say"):
        parse(text)


@given(text=st.text())
def test_nothing_a_machine_says_breaks_the_parser(text: str) -> None:
    """The machine is not trusted: its words are facts or a ValueError."""
    with contextlib.suppress(ValueError):
        assert parse(text).memory_gib > 0


def test_the_owner_knows_better() -> None:
    """What the settings state overrules what was found; device memory is kept where the name is the same."""
    host = HostConfig(host="a", vcpus=128, accelerators={"A100-80GB": 1, "Toy": 2})
    facts = overrule(parse(DGX), host)
    assert (facts.vcpus, facts.memory_gib) == (128, 2015.5)
    assert facts.accelerators == (Accelerator("A100-80GB", 1, 80), Accelerator("Toy", 2, 0))
    assert overrule(parse(DGX), HostConfig(host="a", accelerators={})).accelerators == ()


def test_stated_sizes_need_no_machine() -> None:
    """CPUs and memory in the settings are enough to offer a machine that was never met."""
    assert stated(HostConfig(host="a", vcpus=4)) is None
    full = stated(HostConfig(host="a", vcpus=4, memory_gib=16, accelerators={"T4": 1}))
    assert full == Facts(4, 16, accelerators=(Accelerator("T4", 1, 0),))


def test_facts_are_kept_for_a_day(tmp_path: Path) -> None:
    """Facts are read back as they were, for a day, for this machine alone; a torn file is no facts."""
    cache, host, facts = FactsCache(tmp_path / "facts"), HostConfig(host="10.0.0.5"), parse(DGX)
    assert cache.read(host, NOW) is None
    cache.write(host, facts, NOW)
    assert cache.read(host, NOW + timedelta(hours=23)) == facts
    assert cache.read(host, NOW + timedelta(hours=25)) is None
    assert cache.read(host, NOW - timedelta(hours=1)) is None  # the clock was set back: ask again
    assert cache.read(HostConfig(host="10.0.0.5", port=2222), NOW) is None
    next((tmp_path / "facts").iterdir()).write_text('{"asked_at": "20')
    assert cache.read(host, NOW) is None
