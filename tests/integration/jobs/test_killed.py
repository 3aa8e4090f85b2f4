"""The server of a managed job is killed, whatever it is doing: the job is done once, and is not lost."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from styx.spec import Task
from styx.store.managed import ManagedState
from support.managed import Installation

pytestmark = pytest.mark.slow


@pytest.mark.timeout(600)
def test_killed_before_each_write(installation: Installation, tmp_path: Path) -> None:
    """Right before the first write for a job, before the second, and so on to the last: each time it is done once."""
    for number in range(1, 200):
        (job,) = installation.submit(Task("once").run(f"echo {number} >> {tmp_path}/done; echo said"))
        dying = installation.serve("--die-at", str(number))
        installation.wait(job, lambda found, server=dying: found.state.ended or server.poll() is not None)
        survived = dying.poll() is None
        if survived:
            found = installation.ended(job)
            dying.send_signal(signal.SIGKILL)
            dying.wait()
        else:
            next_one = installation.serve()
            found = installation.ended(job)
            next_one.send_signal(signal.SIGKILL)
            next_one.wait()
        assert found.state is ManagedState.SUCCEEDED, (number, installation.story(job))
        assert (tmp_path / "done").read_text().split().count(str(number)) == 1, (number, installation.story(job))
        assert installation.log(job) == "said\n", number
        assert installation.store.clusters.list() == [], number
        if survived:
            break
    assert number > 10, "there are that many writes at least"
