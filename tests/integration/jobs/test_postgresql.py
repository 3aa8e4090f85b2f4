"""Two servers on one PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import time
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
    installation.suspend(first)
    assert {installation.ended(job).state for job in jobs} == {ManagedState.SUCCEEDED}
    os.kill(first.pid, signal.SIGCONT)
    installation.running(other)
    second.send_signal(signal.SIGKILL)
    assert installation.ended(other).state is ManagedState.SUCCEEDED
    assert sorted((tmp_path / "done").read_text().split()) == sorted([*map(str, range(8)), "other"])
    installation.close()


def test_a_database_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    """Jobs go on meanwhile, and what came of them is written down once somebody listens again."""
    try:
        with server() as url:
            place = Path(url.rpartition("host=")[2])
            _interrupted(tmp_path, new_database(url, "jobs"), place)
    except Unavailable as why:
        pytest.skip(str(why))


def _interrupted(tmp_path: Path, database: str, place: Path) -> None:
    installation = Installation(tmp_path / "home", database)
    installation.serve()
    jobs = installation.submit(Task("many").run(f'echo "$STYX_JOB_RANK" >> {tmp_path}/done; sleep 3'), count=3)
    for job in jobs:
        installation.running(job)
    pid = int((place / "data" / "postmaster.pid").read_text().split()[0])
    program = [word.decode() for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") if word]
    user = "nobody" if os.geteuid() == 0 else None
    os.kill(pid, signal.SIGINT)
    while (place / "data" / "postmaster.pid").exists():
        time.sleep(0.05)
    time.sleep(5)  # in which the jobs end
    again = subprocess.Popen(program, user=user, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(place.glob(".s.PGSQL.*[0-9]")):
        time.sleep(0.05)
    time.sleep(1)
    found = [installation.ended(job) for job in jobs]
    assert {(job.state, job.runs, job.recoveries) for job in found} == {(ManagedState.SUCCEEDED, 1, 0)}
    assert sorted((tmp_path / "done").read_text().split()) == ["0", "1", "2"]
    installation.close()
    again.send_signal(signal.SIGINT)
    again.wait()
