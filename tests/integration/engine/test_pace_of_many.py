"""Many real processes that call one account: never closer than its pace, in order, whoever is killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from support import postgres
from support.crowd import crowd

PACE = 0.1
PROCESSES, CALLS = 5, 6

CALL = """
import asyncio
from types import SimpleNamespace
from styx.api import Idempotency, RateLimited, Traits
from styx.clock import SystemClock
from styx.engine.account import CloudAccount
from styx.store import Store
store = Store.open(ARGS["url"])
cloud = SimpleNamespace(name="acme", traits=Traits(Idempotency.TOKEN, pace=ARGS["pace"]))
account = CloudAccount(cloud, "default", SystemClock(), store.turns)
times = []
def scopes():
    times.append(time.monotonic())  # one clock for all processes of a machine
    if ARGS["refuse"] and NUMBER == 0 and len(times) == 1:
        raise RateLimited("slow down", retry_after=ARGS["refuse"])
async def main():
    if ARGS["refuse"] and NUMBER:
        await asyncio.sleep(0.5)
    for _ in range(ARGS["times"]):
        await account.call(scopes)
ready()
asyncio.run(main())
answer(times)
"""
TAKE = """
import os, sys, time
from styx.store import Store
store = Store.open(sys.argv[1])
print("ready", flush=True)
while True:
    store.turns.take("acme", "default", {"": 0.001}, slack=0.0, most=1e9)
"""


@pytest.fixture(scope="module")
def server():
    """The URL of a PostgreSQL server."""
    try:
        with postgres.server() as url:
            yield url
    except postgres.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database, which is made."""
    from styx.store import Store

    if request.param == "sqlite":
        found = f"sqlite:///{tmp_path}/state.db"
    else:
        found = postgres.new_database(request.getfixturevalue("server"), f"styx_{tmp_path.name}".lower())
    Store.open(found).close()
    return found


def call(url: str, pace: float, times: int, refuse: float = 0.0) -> list[list[float]]:
    """When each call of each process was made."""
    return crowd(PROCESSES, CALL, {"url": url, "pace": {"": pace}, "times": times, "refuse": refuse})


def test_calls_of_many_processes_keep_to_the_pace(url: str) -> None:
    """No two of all calls are closer than the pace, and nobody is left waiting while others have all their turns."""
    times = call(url, PACE, CALLS)
    together = sorted(at for each in times for at in each)
    assert len(together) == PROCESSES * CALLS
    assert min(after - before for before, after in pairwise(together)) >= PACE
    firsts, lasts = [each[0] for each in times], [each[-1] for each in times]
    assert max(firsts) < min(lasts)


def test_what_is_said_to_one_is_heard_by_all(url: str) -> None:
    """One process is told to wait; the others, which never were, do not call before that is over."""
    times = call(url, 0.0, 1, refuse=2.0)
    (refused, again), *others = times
    assert again - refused >= 2.0
    assert min(at for (at,) in others) - refused >= 1.99  # the second began to count when it was told, a moment later


def test_a_killed_process_leaves_no_lock(url: str) -> None:
    """Whoever takes turn after turn is killed in the middle; the next has its own at once."""
    from styx.store import Store

    process = subprocess.Popen([sys.executable, "-c", TAKE, url], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    began = time.monotonic()
    with Store.open(url) as store:
        wait = store.turns.take("acme", "other", {"": 1.0}, slack=0.0, most=1e9)
        store.turns.take("acme", "default", {"": 1.0}, slack=0.0, most=1e9)
    assert wait == 0
    assert time.monotonic() - began < 5
