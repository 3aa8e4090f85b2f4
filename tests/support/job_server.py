"""A process that works on managed jobs, as styx-server does, and that can be made to stumble at a given moment.

``python job_server.py [--die-at N | --stop-before WHAT] [--ttl SECONDS]``: with ``--die-at`` it kills itself right
before its N-th write to either database after it has found work; with ``--stop-before`` it suspends itself, once,
right before it calls that method of the backend. With ``--nursery`` it works on nothing itself: for each line that it
reads it forks a server with the options there, which begins at once because all is imported, and prints its pid.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def main(arguments: list[str]) -> None:
    """Work until the process is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--die-at", type=int, default=0)
    parser.add_argument("--stop-before", default="")
    parser.add_argument("--ttl", type=float, default=15.0)
    parser.add_argument("--silent", action="store_true")
    options = parser.parse_args(arguments)
    if options.die_at:
        die_at(options.die_at)
    asyncio.run(work(options))


def nursery() -> None:
    """Fork servers for as long as somebody asks for them."""
    import dbos  # noqa: F401

    import styx.engine.engine
    import styx.jobs.runtime
    import styx.sealing  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that have died are gone
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            main(line.split())
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


async def work(options: argparse.Namespace) -> None:
    """Open the installation and work on its jobs."""
    from styx.engine.engine import Engine
    from styx.jobs import runtime
    from styx.sealing import Sealer

    runtime.TTL, runtime.BEAT_SECONDS, runtime.LOOK_SECONDS = options.ttl, options.ttl / 5, 0.2
    engine = Engine.open()
    if options.stop_before:
        stop_before(engine.context.backend, options.stop_before)
    works = runtime.JobRuntime(engine, Sealer.open(engine.context.home, engine.context.plugins))
    await works.start()
    if not options.silent:
        sys.stdout.write(f"server {works.server_id}\n")
        sys.stdout.flush()
    await asyncio.Event().wait()


def stop_before(backend: Any, method: str) -> None:
    """Suspend this process once, right before the method is called."""
    real = getattr(backend, method)
    armed = [True]

    async def stopping(*arguments: Any) -> Any:
        if armed:
            armed.clear()
            os.kill(os.getpid(), signal.SIGSTOP)
        return await real(*arguments)

    setattr(backend, method, stopping)


def die_at(number: int) -> None:
    """Kill this process right before its write of that number, counted from the first job that it is given.

    Or from the first of whose end it is to tell.
    """
    from dbos._sys_db import SystemDatabase

    from styx.store.database import Database
    from styx.store.jobs import ManagedJobs

    left = [number]
    counting: list[bool] = []

    def write() -> None:
        if counting:
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def counts(real: Any) -> Any:
        def finding(self: ManagedJobs, *arguments: Any) -> Any:
            found = real(self, *arguments)
            if found:
                counting.append(True)
            return found

        return finding

    real_write = Database.write

    @contextmanager
    def counted(self: Database, **more: Any) -> Iterator[Any]:
        with real_write(self, **more) as connection:
            yield connection
            write()

    ManagedJobs.admit = counts(ManagedJobs.admit)  # type: ignore[method-assign]
    ManagedJobs.untold = counts(ManagedJobs.untold)  # type: ignore[method-assign]
    Database.write = counted  # type: ignore[method-assign,assignment]
    for name in ("init_workflow", "record_operation_result", "update_workflow_outcome"):
        _before(SystemDatabase, name, write)


def _before(owner: type, name: str, first: Callable[[], None]) -> None:
    real = getattr(owner, name)

    def changed(self: Any, *arguments: Any, **more: Any) -> Any:
        first()
        return real(self, *arguments, **more)

    setattr(owner, name, changed)


if __name__ == "__main__":
    if sys.argv[1:] == ["--nursery"]:
        nursery()
    else:
        main(sys.argv[1:])
