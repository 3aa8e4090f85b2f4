"""Limits of a real control group, as a process in it sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

CONTROLLERS = Path("/sys/fs/cgroup")
LIMITED = """
import json, os, sys, time
for group in sys.argv[1:]:
    with open(group + "/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
from styx.agent.metrics import Sampler
sampler = Sampler("/")
begun = time.process_time()
while time.process_time() - begun < 0.4:
    pass
print(json.dumps([sampler.facts(), sampler.take()]))
"""


@pytest.fixture
def groups() -> Iterator[list[str]]:
    """Groups of our own that allow half a CPU and 256 MiB, of whichever version there is."""
    name = f"styx-test-{os.getpid()}"
    version_2 = (CONTROLLERS / "cgroup.controllers").exists()
    wanted = [CONTROLLERS / name] if version_2 else [CONTROLLERS / kind / name for kind in ("cpu", "cpuacct", "memory")]
    made: list[Path] = []
    try:
        try:
            for group in wanted:
                group.mkdir()
                made.append(group)
            if version_2:
                (wanted[0] / "cpu.max").write_text("50000 100000")
                (wanted[0] / "memory.max").write_text(str(256 << 20))
            else:
                (wanted[0] / "cpu.cfs_quota_us").write_text("50000")
                (wanted[2] / "memory.limit_in_bytes").write_text(str(256 << 20))
        except OSError as error:
            pytest.skip(f"may not limit anything here: {error}")
        yield [str(group) for group in wanted]
    finally:
        for group in made:
            group.rmdir()


def test_a_limited_process_knows_its_limits(groups: list[str]) -> None:
    """Half a CPU kept busy is a busy node, and the memory there is, is what may be used."""
    done = subprocess.run([sys.executable, "-c", LIMITED, *groups], check=True, capture_output=True, text=True)
    facts, sample = json.loads(done.stdout)
    assert (facts["cpus"], facts["memory"]) == (0.5, 256 << 20)
    assert sample["cpu_percent"] > 60
    assert 0 < sample["memory_used"] < sample["memory_total"] == 256 << 20
