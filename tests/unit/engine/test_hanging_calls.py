"""Calls of a provider that hang: cut off in time, with an error that tells what may have come of them."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from styx.api import OutcomeUnknown, PluginError, Transient
from styx.engine import account as accounts
from styx.engine import references
from styx.engine.account import CALLS_AT_ONCE
from styx.engine.workers import Overdue, Workers
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from styx.testing.clock import FakeClock
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, quiet

SOON = 0.05  # seconds
PATIENCE = 0.4  # seconds that a call is given here; one that does not hang takes a hundredth of it


class Stuck:
    """Holds calls of one method until it is told to let them go."""

    def __init__(self) -> None:
        self.method = ""
        self.let_go = threading.Event()

    def pause(self, method: str) -> None:
        """Hold this call, if it is one of that method."""
        if method == self.method:
            self.let_go.wait(30)


STUCK = Stuck()


class StuckCloud(MemoryCloud):
    """The cloud in memory, the answers of which may stay away: what was asked for is done all the same."""

    # ruff: noqa: D102 - the contract documents its methods

    def observe(self, scope: Any, owners: Any) -> Any:
        STUCK.pause("observe")
        return super().observe(scope, owners)

    def launch(self, prepared: Any) -> Any:
        receipt = super().launch(prepared)
        STUCK.pause("launch")
        return receipt

    def stop(self, scope: Any, owner: Any, receipts: Any) -> None:
        super().stop(scope, owner, receipts)
        STUCK.pause("stop")


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    """What holds the calls of this test; deadlines are short."""
    global STUCK  # noqa: PLW0603 - clouds are made far from here
    STUCK = Stuck()
    monkeypatch.setattr(accounts, "DEADLINE", PATIENCE)
    yield STUCK
    STUCK.let_go.set()


async def test_a_read_that_hangs_can_be_repeated(new_world: Any, stuck: Stuck) -> None:
    """It has changed nothing: Transient, which names the cloud, the call and the time."""
    account = new_world(StuckCloud).engine().context.clouds.get("memory")
    stuck.method = "observe"
    scope = next(iter(account.cloud.scopes()))
    with pytest.raises(Transient, match=r"memory has not answered observe within 0\.4 s"):
        await account.call(account.cloud.observe, scope, None)


async def test_who_only_looks_does_not_wait_for_long(
    new_world: Any, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not show soon is unknown, and the account is not asked again for what was given up on it."""
    world, calls = new_world(StuckCloud), []
    engine = world.engine()
    await engine.launch(HELLO, "old", quiet)
    await engine.down("old", quiet, forget=True)
    await engine.launch(HELLO, "c", quiet)
    monkeypatch.setattr(accounts, "GLANCE_SECONDS", SOON)
    monkeypatch.setattr(stuck, "pause", lambda method: calls.append(method) or stuck.let_go.wait(30))
    (record,) = await engine.status(refresh=True)
    assert (record.state, calls) == (ClusterState.UNKNOWN, ["observe"])
    assert (record.error or {})["message"] == "memory has not answered observe within 0.05 s"
    unseen = (await world.engine().orphans()).unseen
    assert {place.rpartition(": ")[2] for place in unseen} == {"memory has not answered observe within 0.05 s"}


async def test_who_removes_shares_no_hurry(new_world: Any, stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that somebody else waits for too lasts as long as theirs needs; who only glances does not wait for it."""
    engine = new_world(StuckCloud).engine()
    await engine.launch(HELLO, "c", quiet)
    (intent,) = engine.context.store.attempts.of("c")
    scope, lookout = intent.prepared.scope, engine.context.lookout(engine.context.clouds.get("memory"))
    monkeypatch.setattr(accounts, "GLANCE_SECONDS", SOON)
    stuck.method = "observe"

    async def hurried() -> None:
        with accounts.glance():
            await lookout.look(scope, [intent.owner])

    first = asyncio.ensure_future(hurried())
    await asyncio.sleep(SOON / 5)  # it has begun
    second = asyncio.ensure_future(hurried())
    await asyncio.sleep(0)  # it waits for the next look, and so do we
    asyncio.get_running_loop().call_later(4 * SOON, stuck.let_go.set)
    seen = await lookout.look(scope, [intent.owner])
    assert len(seen.nodes) == 1
    for error in await asyncio.gather(first, second, return_exceptions=True):
        assert isinstance(error, Transient)


async def test_a_stop_that_hangs_may_have_been_done(new_world: Any, stuck: Stuck) -> None:
    """Only an observation can tell; the next stop finds that it was."""
    world = new_world(StuckCloud)
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    stuck.method = "stop"
    with pytest.raises(OutcomeUnknown, match="it may have been done"):
        await engine.stop("c", quiet)
    stuck.let_go.set()
    await engine.stop("c", quiet)
    assert world.record().state is ClusterState.STOPPED


async def test_an_answer_that_comes_late_is_kept(new_world: Any, stuck: Stuck) -> None:
    """A launch that was cut off stores its receipt when it returns after all, though nobody waits for it any more."""
    world = new_world(StuckCloud)
    account = world.engine().context.clouds.get("memory")
    kept = threading.Event()

    def launch() -> str:
        STUCK.pause("launch")
        kept.set()
        return "receipt"

    stuck.method = "launch"
    with pytest.raises(OutcomeUnknown):
        await account.call(launch)
    assert not kept.is_set()
    stuck.let_go.set()
    assert await asyncio.to_thread(kept.wait, 5)


async def test_a_launch_that_hangs_leaks_nothing(new_world: Any, stuck: Stuck) -> None:
    """Its machines are found by looking, as if the answer had been lost on the way; the cluster comes up."""
    world = new_world(StuckCloud)
    stuck.method = "launch"
    await world.engine().launch(HELLO, "c", quiet)
    assert world.record().state is ClusterState.UP
    assert len(world.machines()) == 1
    (attempt,) = world.store.attempts.of("c")
    assert (attempt.state, attempt.receipt) == (AttemptState.SETTLED, None)
    stuck.let_go.set()
    for _ in range(100):
        if world.store.attempts.of("c")[0].receipt is not None:
            break
        await asyncio.sleep(0.02)
    await world.engine().status()  # it looks for what a call may have made that came back this late
    (attempt,) = world.store.attempts.of("c")
    assert (attempt.state, attempt.receipt is None) == (AttemptState.SETTLED, False)
    assert world.record().state is ClusterState.UP
    assert len(world.machines()) == 1


async def test_a_cancelled_call_is_waited_for_until_its_deadline() -> None:
    """Its answer is not lost while there is hope for one; a call that hangs keeps nobody for ever."""
    workers: Workers[None] = Workers(1, "test")
    let_go, done = threading.Event(), []

    def work() -> None:
        let_go.wait(10)
        done.append(True)

    waiting = asyncio.ensure_future(workers.run(work, 5))
    await asyncio.sleep(SOON)
    waiting.cancel()
    await asyncio.sleep(SOON)
    assert not waiting.done()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == [True]
    let_go.clear()
    began = time.monotonic()
    waiting = asyncio.ensure_future(workers.run(work, 2 * SOON))
    await asyncio.sleep(SOON)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert 2 * SOON <= time.monotonic() - began < 5
    let_go.set()


async def test_a_cancelled_question_is_not_waited_for(new_world: Any, stuck: Stuck) -> None:
    """Its answer changes nothing, so whoever presses Ctrl-C while a provider hangs has the prompt back at once."""
    account = new_world(StuckCloud).engine().context.clouds.get("memory")
    stuck.method = "observe"
    scope = next(iter(account.cloud.scopes()))
    asking = asyncio.ensure_future(account.call(account.cloud.observe, scope, None, deadline=20.0))
    await asyncio.sleep(SOON)
    began = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - began < 10


async def test_calls_that_hang_do_not_take_the_places_of_others(new_world: Any, stuck: Stuck) -> None:
    """As many as are let in at once may hang, and the next is called all the same."""
    account = new_world(StuckCloud).engine().context.clouds.get("memory")
    stuck.method = "observe"
    scope = next(iter(account.cloud.scopes()))
    looks = (account.call(account.cloud.observe, scope, None) for _ in range(CALLS_AT_ONCE))
    assert {type(error) for error in await asyncio.gather(*looks, return_exceptions=True)} == {Transient}
    assert (await account.call(account.cloud.check)).account == "memory-account"


async def test_who_only_looks_leaves_room_for_who_has_something_to_do(new_world: Any, stuck: Stuck) -> None:
    """However many looks hang, an account takes a call that is more."""
    account = new_world(StuckCloud).engine().context.clouds.get("memory")
    stuck.method = "observe"
    scope = next(iter(account.cloud.scopes()))
    with accounts.glance():
        looks = [
            asyncio.ensure_future(account.call(account.cloud.observe, scope, None)) for _ in range(2 * CALLS_AT_ONCE)
        ]
    await asyncio.sleep(0)
    assert await account.call(account.cloud.check)
    assert not any(look.done() for look in looks)
    stuck.let_go.set()
    await asyncio.gather(*looks)


async def test_what_a_thread_raises_is_the_callers() -> None:
    """Errors come through as they are; one that comes when nobody waits any more disturbs nobody."""
    workers: Workers[None] = Workers(2, "test")
    let_go = threading.Event()

    def fail() -> None:
        let_go.wait(10)
        raise LookupError("late or not")

    with pytest.raises(Overdue):
        await workers.run(fail, SOON)
    let_go.set()
    with pytest.raises(LookupError, match="late or not"):
        await workers.run(fail, 5)
    await asyncio.sleep(SOON)


async def test_one_call_at_a_time_where_one_is_allowed() -> None:
    """No more run than are let in; the others have their turn when one is done."""
    workers: Workers[int] = Workers(2, "test")
    running, most = [], []

    def work() -> int:
        running.append(1)
        most.append(len(running))
        time.sleep(0.01)
        running.pop()
        return 1

    assert await asyncio.gather(*(workers.run(work, 5) for _ in range(8))) == [1] * 8
    assert max(most) <= 2


async def test_threads_are_used_again() -> None:
    """One call after the other begins no more threads, and one that hangs leaves none waiting behind it."""
    workers: Workers[int | None] = Workers(2, "test")
    let_go = threading.Event()
    first = await workers.run(threading.get_native_id, 5)
    assert {await workers.run(threading.get_native_id, 5) for _ in range(8)} == {first}
    with pytest.raises(Overdue):
        await workers.run(lambda: let_go.wait(10) and None, SOON)
    assert await asyncio.wait_for(workers.run(threading.get_native_id, 5), 5) != first
    let_go.set()


async def test_a_child_process_has_threads_of_its_own() -> None:
    """Those of its parent are not there after a fork."""
    workers: Workers[int] = Workers(2, "test")
    await workers.run(threading.get_native_id, 5)
    if (pid := os.fork()) == 0:
        os._exit(asyncio.Runner().run(workers.run(lambda: 7, 5)))
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    assert os.waitstatus_to_exitcode(status) == 7


async def test_waiting_for_something_else_is_not_hanging(new_world: Any) -> None:
    """A provider that says "not yet" for long is cut off by the clock it waits on, not by the real one."""
    clock = FakeClock()
    account = new_world(StuckCloud).engine().context.clouds.get("memory")
    assert account._clock is not clock
    began = time.monotonic()

    def slow() -> None:
        raise accounts.NotYet(10.0, "a network")

    with pytest.raises(Transient, match="still waiting for a network"):
        await account.call(slow, deadline=3600.0)
    assert time.monotonic() - began < 10


async def test_a_listener_that_hangs_keeps_nobody_from_ending(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Telling the plugins is best effort: the engine closes in time, and the thread dies with the process."""
    let_go = threading.Event()
    world.hooks["styx_event"] = lambda event: let_go.wait(30)
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    await engine.context.told(patience=SOON)
    threads = [thread for thread in threading.enumerate() if thread.name == "styx-event"]
    assert threads
    assert all(thread.daemon for thread in threads)
    let_go.set()
    await engine.context.told()


async def test_a_secret_that_nobody_gives(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that hangs while it looks one up fails the launch before anything is made."""
    let_go = threading.Event()
    monkeypatch.setattr(references, "SECONDS", SOON)
    world.hooks["styx_secret"] = lambda reference: let_go.wait(30)
    with pytest.raises(PluginError, match=r"secret 'TOKEN': no answer for 'vault:x' within 0\.05 s"):
        await world.engine().launch(HELLO.override({"secrets": {"TOKEN": {"ref": "vault:x"}}}), "c", quiet)
    assert world.account.calls == []
    let_go.set()


@pytest.mark.parametrize("said", [float("nan"), -1.0, "soon", None, float("inf")])
def test_a_pace_that_is_no_length_of_time(said: Any) -> None:
    """What a plugin says nonsense about has no pace."""
    assert accounts._pace({"launch": said, "": 1}) == {"": 1.0}
