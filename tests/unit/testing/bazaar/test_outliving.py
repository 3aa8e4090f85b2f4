"""A market in a directory is the truth outside of its clients, wherever they are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from styx.api import Boot, LaunchRequest, OfferQuery, Owner, Prepared
from styx.testing import services
from styx.testing.bazaar import BazaarCloud, FileClock, Habits, Market, bazaar

OWNER = Owner("abc123", "c", "aaaa")
KEEPERS = ("ledger.py", "market.py")  # what keeps the state; the rest only computes it


def cloud_at(directory: Path, tmp_path: Path) -> BazaarCloud:
    """A client of the market, as another process would make one."""
    habits = Market.at(directory).habits
    config = {"market": str(directory)}
    return bazaar(habits)(services(tmp_path, config, installation="abc123", clock=FileClock(directory)))


def intent(cloud: BazaarCloud, ranks: tuple[int, ...] = (0, 1), owner: Owner = OWNER) -> Prepared:
    """A launch of the cheapest machines."""
    offer = min(cloud.offers(OfferQuery()), key=lambda offer: offer.hourly_price or 0)
    return cloud.prepare(LaunchRequest(owner, offer, ranks, Boot("ssh-ed25519 key")))


def in_child(work: Callable[[], Any]) -> int:
    """Do it in a process of its own; how that ended: 0, or minus the signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - the parent sees that there was one
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(line: int, work: Callable[[], Any]) -> Callable[[], None]:
    """Do it, but send SIGKILL to this process before the line of that number, counted in the market's own code."""

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        del argument
        nonlocal line
        if not frame.f_code.co_filename.endswith(KEEPERS):
            return None
        if event == "line":
            line -= 1
            if line < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def traced() -> None:
        sys.settrace(trace)
        work()

    return traced


@pytest.mark.parametrize("what", ["launch", "terminate"])
def test_a_call_is_done_or_it_is_not(tmp_path: Path, what: str) -> None:
    """Killed before any line of the market's code, a call has been carried out whole or not at all."""
    outcomes = []
    for line in range(1000):
        directory, homes = tmp_path / str(line), tmp_path / f"homes{line}"
        Market.make(directory, Habits(), homes=homes)
        cloud = cloud_at(directory, tmp_path)
        prepared = intent(cloud)
        if what == "terminate":
            cloud.launch(prepared)
        work = {
            "launch": lambda: cloud.launch(prepared),  # noqa: B023 - called in this turn
            "terminate": lambda: cloud.terminate(prepared.scope, OWNER, ()),  # noqa: B023
        }
        ended = in_child(killed_at(line, work[what]))
        there = {machine.id for machine in Market.at(directory).machines()}
        assert ended in {0, -signal.SIGKILL}
        assert there in (set(), {"m-000001", "m-000002"})
        assert {path.name for path in homes.glob("*")} == there
        outcomes.append(len(there))
        if ended == 0:
            break
    else:
        pytest.fail("the call never came to its end")
    assert outcomes == sorted(outcomes, reverse=what == "terminate")  # there is one moment at which it is done
    assert len(set(outcomes)) == 2
    assert len(outcomes) > 20


def test_calls_of_many_processes_do_not_get_lost(tmp_path: Path) -> None:
    """Four processes that launch at once make every machine once."""
    directory = tmp_path / "market"
    Market.make(directory, Habits())
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            cloud = cloud_at(directory, tmp_path)
            for attempt in range(10):
                cloud.launch(intent(cloud, (0,), Owner("abc123", "c", f"a{number}{attempt:02}")))
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    market = Market.at(directory)
    assert len({machine.id for machine in market.machines()}) == 40
    assert len({machine.name for machine in market.machines()}) == 40
    assert market.calls("launch")["launch"] == 40


def test_virtual_time_goes_on_in_the_next_process(tmp_path: Path) -> None:
    """What one process sleeps is later for all, and a machine that boots meanwhile runs."""
    market = Market.make(tmp_path / "market", Habits(), boot_seconds=30.0)
    cloud = cloud_at(tmp_path / "market", tmp_path)
    prepared = intent(cloud)
    cloud.launch(prepared)
    before = market.clock.now()

    def sleep() -> None:
        asyncio.run(FileClock(tmp_path / "market").sleep(30))

    assert in_child(sleep) == 0
    assert (market.clock.now() - before).total_seconds() == 30
    assert {node.state.value for node in cloud.observe(prepared.scope, None).nodes} == {"running"}


def test_sleeps_side_by_side_do_not_add_up(tmp_path: Path) -> None:
    """Two tasks that sleep ten seconds at once let ten seconds pass, as on any other clock."""
    clock = FileClock(tmp_path)

    async def both() -> None:
        await asyncio.gather(clock.sleep(10), clock.sleep(10), clock.sleep(4))

    asyncio.run(both())
    clock.advance(-3)
    assert clock.monotonic() == 10


def test_habits_travel_with_the_market(tmp_path: Path) -> None:
    """Whoever opens the directory finds the provider as it was made."""
    habits = Habits(late_births=3.0, shared_names=True)
    Market.make(tmp_path / "market", habits, boot_seconds=7.0)
    found = Market.at(tmp_path / "market")
    assert (found.habits, found.boot_seconds) == (habits, 7.0)


def test_failures_and_limits_are_kept_too(tmp_path: Path) -> None:
    """What a test did to the market holds for the next process: limits, failures, doomed hosts."""
    market = Market.make(tmp_path / "market", Habits())
    market.allow(room={"east/small": 3}, quota={"east": 5})
    market.doom(2)
    with Market.at(tmp_path / "market").ledger.turn() as state:
        assert (state.room, state.quota, state.doomed) == ({"east/small": 3}, {"east": 5}, 2)
