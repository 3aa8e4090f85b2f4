"""A provider that never answers does not keep the program from ending."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import asyncio, signal, sys, time
from types import SimpleNamespace
from styx.api import Idempotency, StyxError, Traits
from styx.client.loop import LoopThread
from styx.clock import SystemClock
from styx.engine.account import CloudAccount

def launch():
    print("called", flush=True)
    time.sleep(3600)

async def main():
    cloud = SimpleNamespace(name="acme", traits=Traits(Idempotency.TOKEN))
    await CloudAccount(cloud, "default", SystemClock()).call(launch, deadline=float(sys.argv[1]))

signal.signal(signal.SIGINT, signal.default_int_handler)
loop = LoopThread()
try:
    loop.run(main())
except StyxError as error:
    print(error.code, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
loop.close()
"""


def test_the_program_ends() -> None:
    """The call is cut off at its deadline, and nothing waits for its thread when the interpreter ends."""
    began = time.monotonic()
    command = [sys.executable, "-c", PROGRAM, "0.5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("called\noutcome_unknown\n", "", 0)
    assert 0.5 <= time.monotonic() - began < 30


def test_a_second_interrupt_does_not_wait() -> None:
    """The first waits for the answer, which must not be lost; who is sure that there will be none presses it again."""
    command = [sys.executable, "-c", PROGRAM, "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "called\n"
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("interrupted\n", "", 0)
