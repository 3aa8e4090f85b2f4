"""A clock on which waiting takes no time."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from styx.testing import FakeClock


async def test_sleeping_moves_the_clock() -> None:
    """A sleep of an hour is over at once, an hour later."""
    clock = FakeClock()
    start = clock.now()
    await clock.sleep(3600)
    assert (clock.now() - start).total_seconds() == 3600
    assert clock.monotonic() == 3600


async def test_sleeps_side_by_side_do_not_add_up() -> None:
    """Two tasks that sleep ten seconds at once let ten seconds pass."""
    clock = FakeClock()
    await asyncio.gather(clock.sleep(10), clock.sleep(10), clock.sleep(4))
    assert clock.monotonic() == 10


def test_the_clock_never_goes_back() -> None:
    """A negative step is none."""
    clock = FakeClock()
    clock.advance(5)
    clock.advance(-3)
    assert clock.monotonic() == 5


def test_helpers_do_not_import_pytest() -> None:
    """A plugin may use the clock and the references without having pytest installed."""
    program = (
        "import sys; from styx.testing import FakeClock, ProcessCluster, services\n"
        "from styx.testing.memory import MemoryBackend, MemoryCloud, MemoryStorage\n"
        "sys.exit('pytest' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
