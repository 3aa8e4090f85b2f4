"""Two servers on one PostgreSQL."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from styx.spec import Task
from styx.store.managed import ManagedState
from support.managed import Installation
from support.postgres import Unavailable, new_database, server

pytestmark = pytest.mark.slow


def test_two_servers_share_the_jobs_of_one_database(tmp_path: Path) -> None:
    """No job is done twice; those of the one that is killed, and of the one that is suspended, are the other's soon."""
    try:
        with server() as url:
            _share(tmp_path, new_database(url, "jobs"))
    except Unavailable as why:
        pytest.skip(str(why))


def _share(tmp_path: Path, database: str) -> None:
    installation = Installation(tmp_path / "home", database)
    first = installation.serve("--ttl", "4")
    run = f'echo "$STYX_JOB_RANK" >> {tmp_path}/done; sleep 3'
    jobs = installation.submit(Task("many").run(run), count=8)
    installation.running(jobs[0])
    second = installation.serve("--ttl", "4")
    (other,) = installation.submit(Task("other").run(f"echo other >> {tmp_path}/done; sleep 12"))
    os.kill(first.pid, signal.SIGSTOP)
    assert {installation.ended(job).state for job in jobs} == {ManagedState.SUCCEEDED}
    os.kill(first.pid, signal.SIGCONT)
    installation.running(other)
    second.send_signal(signal.SIGKILL)
    assert installation.ended(other).state is ManagedState.SUCCEEDED
    assert sorted((tmp_path / "done").read_text().split()) == sorted([*map(str, range(8)), "other"])
    installation.close()
