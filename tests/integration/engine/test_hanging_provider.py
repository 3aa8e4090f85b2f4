"""A provider that never answers does not keep the program from ending."""

from __future__ import annotations

import subprocess
import sys
import time

PROGRAM = """
import asyncio, sys, time
from types import SimpleNamespace
from styx.api import Idempotency, StyxError, Traits
from styx.client.loop import LoopThread
from styx.clock import SystemClock
from styx.engine.account import CloudAccount

def launch():
    time.sleep(3600)

async def main():
    cloud = SimpleNamespace(name="acme", traits=Traits(Idempotency.TOKEN))
    await CloudAccount(cloud, "default", SystemClock()).call(launch, deadline=0.5)

loop = LoopThread()
try:
    loop.run(main())
except StyxError as error:
    print(error.code, flush=True)
loop.close()
"""


def test_the_program_ends() -> None:
    """The call is cut off at its deadline, and nothing waits for its thread when the interpreter ends."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("outcome_unknown\n", "", 0)
    assert 0.5 <= time.monotonic() - began < 30
