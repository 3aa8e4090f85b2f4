"""A forked client is heard, whatever becomes of it; and virtual time goes on where it left it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from styx.api import ClusterNotFound
from styx.testing.faults import FileClock
from styx.testing.faults.clock import StillClock
from styx.testing.faults.crew import shared_out
from styx.testing.faults.fork import End, Forked, forked

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def refused() -> None:
    """Raise what a user is shown."""
    raise ClusterNotFound("there is none", hint="Look.")


def broken() -> None:
    """Raise what nobody expected."""
    raise ZeroDivisionError("oh")


def test_how_it_ends() -> None:
    """With a result, an error, a traceback, or not at all."""
    assert forked(lambda: {"a": 1}).value == {"a": 1}
    error = forked(refused)
    assert (error.how, error.code) == (End.ERROR, "cluster_not_found")
    assert "there is none (Look.)" in error.said
    crash = forked(broken)
    assert crash.how is End.CRASHED
    assert "ZeroDivisionError: oh" in crash.said
    assert forked(lambda: os.kill(os.getpid(), signal.SIGKILL)).how is End.KILLED
    assert forked(lambda: time.sleep(60), patience=0.2).how is End.HUNG


def test_a_client_that_suspends_itself_is_let_go_on(tmp_path: Path) -> None:
    """It is seen to stop, does nothing then, and ends when somebody waits for its end."""
    mark = tmp_path / "mark"

    def work() -> str:
        os.kill(os.getpid(), signal.SIGSTOP)
        mark.touch()
        return "went on"

    client = Forked(work)
    assert client.stops()
    assert not mark.exists()
    assert client.ended().value == "went on"
    assert mark.exists()
    prompt = Forked(lambda: "at once")
    assert not prompt.stops()
    assert prompt.ended().value == "at once"


def test_a_long_answer_is_heard_whole() -> None:
    """Longer than a pipe holds."""
    assert forked(lambda: "x" * 1_000_000).value == "x" * 1_000_000


def test_virtual_time_outlives_a_client(tmp_path: Path) -> None:
    """What one slept, the next has slept too."""
    clock = FileClock(tmp_path / "clock")
    assert clock.monotonic() == 0.0
    forked(lambda: (clock.advance(2.5), os.kill(os.getpid(), signal.SIGKILL)))
    assert clock.monotonic() == 2.5
    clock.advance(-1.0)
    assert clock.monotonic() == 2.5


async def test_sleeping_moves_the_clock(tmp_path: Path) -> None:
    """By as much as was asked for; a clock that stands still stays."""
    clock, still = FileClock(tmp_path / "clock"), StillClock(7.0)
    before = clock.now()
    await clock.sleep(10.0)
    assert (clock.now() - before).total_seconds() == 10.0
    await still.sleep(10.0)
    still.advance(3.0)
    assert still.monotonic() == 7.0


@pytest.mark.parametrize("processes", [1, 3])
def test_work_is_shared_out(processes: int) -> None:
    """Every piece is done once, by whoever has time; what the work closes over need not pickle."""
    secret = object()
    done = dict(shared_out(lambda piece: (piece * piece, secret is not None), [1, 2, 3, 4], processes))
    assert done == {piece: (piece * piece, True) for piece in (1, 2, 3, 4)}
