"""The end of a process that still talks to machines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from styx.testing.hosts import Host

SCRIPT = """
import json, sys, threading, time
from pathlib import Path
from styx.builtin.ssh.cloud import SshCloud
from styx.builtin.ssh.config import SshConfig
from styx.testing import services

config = SshConfig.model_validate(json.loads(sys.argv[1]))
cloud = SshCloud(services(Path(sys.argv[2]), config))
(host,) = config.pools["lab"].hosts
cloud.check()

threading.excepthook = lambda _: None  # the question is cancelled with the rest
threading.Thread(target=cloud._reach.ask, args=({host: "touch begun; exec sleep 4567"},), daemon=True).start()
while cloud._reach.ask({host: "test -e begun"})[host].text is None:
    time.sleep(0.01)
"""


def test_a_process_that_ends_in_the_middle_leaves_nothing(host: Host, tmp_path: Path) -> None:
    """Nothing complains of being thrown away, and what was given up is ended on the machine."""
    if not host.isolated:
        pytest.skip("on loopback hosts processes cannot be told apart")
    config = json.dumps({"pools": {"lab": {"hosts": [host.entry()]}}})
    argv = [sys.executable, "-W", "default", "-c", SCRIPT, config, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "first contact" not in line]
    assert said == []
    give_up = time.monotonic() + 5
    while [line for line in host.processes() if "sleep 4567" in line]:
        assert time.monotonic() < give_up
        time.sleep(0.05)
