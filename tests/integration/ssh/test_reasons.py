"""What ``styx`` says when machines cannot be had, or one does not answer: which, and what there is instead."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from styx.testing.hosts import Host


def styx(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the program, with no terminal."""
    argv = [str(Path(sys.executable).with_name("styx")), *words]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False)


def test_pools_and_machines_are_named(hosts: list[Host], styx_home: Path) -> None:
    """A pool that does not exist is told with those that do, machines in use as taken, and a dead one by name."""
    if not hosts[0].isolated:
        pytest.skip("on loopback hosts processes cannot be told apart")
    styx_home.mkdir()
    pools = {"lab": {"hosts": [host.entry() for host in hosts]}}
    (styx_home / "config.yaml").write_text(json.dumps({"clouds": {"ssh": {"pools": pools}}}))

    misspelt = styx("launch", "-y", "--infra", "ssh/lap", "--", "true")
    assert misspelt.returncode == 75
    guess = "Nothing known has region 'lap'. Did you mean 'lab'?"
    assert f"ssh: has no region 'lap'; there is lab\nHint: {guess}" in misspelt.stderr

    assert styx("launch", "-y", "-c", "all", "--infra", "ssh/lab", "--num-nodes", str(len(hosts))).returncode == 0
    taken = styx("launch", "-y", "--infra", "ssh/lab", "--", "true")
    assert taken.returncode == 75
    assert "in lab: 0 free, wanted 1" in taken.stderr
    assert "`styx status` shows which of your clusters hold machines" in taken.stderr

    hosts[0].stop()
    try:
        assert styx("status", "-r", "all").returncode == 0
        unseen = styx("queue", "all")
        assert unseen.returncode == 1
        assert f"not everything could be looked at: {hosts[0].address}" in unseen.stderr or (
            f"nodes could be seen: {hosts[0].address}" in unseen.stderr
        ), unseen.stderr
    finally:
        hosts[0].start()
    assert styx("down", "-y", "all").returncode == 0
