"""An installation with managed jobs on the local cloud, and processes that work on them."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from styx.api.errors import Conflict
from styx.jobs.logs import path_of
from styx.jobs.model import JobOptions
from styx.jobs.submit import submit
from styx.sealing import Sealer
from styx.spec import Task
from styx.store import Store
from styx.store.access import Role, User
from styx.store.managed import ManagedJob, ManagedState
from support import job_server

PATIENCE = 90.0  # seconds, on a machine that does much else
PROGRAM = Path(job_server.__file__)


def lives(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Nursery:
    """Starts servers of an installation in no time, one after the other. Those that are left end with the block."""

    def __init__(self, installation: Installation) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--nursery"],
            env={**os.environ, "STYX_HOME": str(installation.home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def serve(self, *options: str) -> int:
        """Start one; its pid."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(["--silent", *options]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


class Installation:
    """A home, its store, and the servers that were started on it."""

    def __init__(self, home: Path, database: str | None = None) -> None:
        self.home = home
        self.database = database
        self.store = Store.open(database, home=home)
        self.sealer = Sealer.open(home)
        with suppress(Conflict):  # whoever shares the database has done it
            self.store.users.add(User("me", Role.ADMIN, self.store.now()))  # who may have nodes on this machine
        self.servers: list[subprocess.Popen[str]] = []

    def serve(self, *options: str) -> subprocess.Popen[str]:
        """Start a server, and wait until it is on record."""
        server = subprocess.Popen(
            [sys.executable, str(PROGRAM), *options],
            env={**os.environ, "STYX_HOME": str(self.home), "STYX_DATABASE_URL": self.database or ""},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.servers.append(server)
        assert server.stdout is not None
        assert server.stdout.readline().startswith("server ")
        return server

    def suspend(self, server: subprocess.Popen[str]) -> None:
        """Have a server stand still, but not in the middle of a write: nobody else could write to the files then."""
        while True:
            server.send_signal(signal.SIGSTOP)
            if self.database is not None or all(_is_free(path) for path in self.home.glob("*.db")):
                return
            server.send_signal(signal.SIGCONT)
            time.sleep(0.01)

    def submit(self, task: Task, options: JobOptions | None = None, count: int = 1) -> list[ManagedJob]:
        """Hand a task for this machine in."""
        task = task.override({"infra": "local", "cpus": "0.1+"})
        return submit(self.store, self.sealer, task, options or JobOptions(), user="me", count=count)

    def ended(self, job: ManagedJob) -> ManagedJob:
        """The job, once it has ended."""
        return self.wait(job, lambda found: found.state.ended)

    def running(self, job: ManagedJob) -> ManagedJob:
        """The job, once it runs on its cluster."""
        return self.wait(job, lambda found: found.state is ManagedState.RUNNING)

    def wait(self, job: ManagedJob, until: Callable[[ManagedJob], bool]) -> ManagedJob:
        """The job, once it is as it should be."""
        give_up_at = time.monotonic() + PATIENCE
        while not until(found := self.store.jobs.get(job.id)):
            assert time.monotonic() < give_up_at, f"{found.state}: {self.story(job)}"
            time.sleep(0.02)
        return found

    def story(self, job: ManagedJob) -> list[str]:
        """What happened to the job."""
        return [f"{each.kind} {each.to_state} {each.reason}".strip() for each in self.store.jobs.events(job.id)]

    def log(self, job: ManagedJob) -> str:
        """What the job has written, as it is kept."""
        path = path_of(self.home, job.id)
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """End the servers that are left."""
        for server in self.servers:
            if server.poll() is None:
                server.send_signal(signal.SIGKILL)
            server.wait()
            assert server.stdout is not None
            server.stdout.close()
        self.store.close()


def _is_free(path: Path) -> bool:
    """Whether nobody holds the lock of this SQLite file."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True
