"""What it means for a managed job that its cluster is not there any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from styx.jobs import watch as watching
from styx.jobs.launching import POLICY
from styx.jobs.watch import MARGIN, Watch
from styx.store.managed import ManagedState
from support.job_records import new_job
from support.world import HELLO, World, quiet


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world with a cloud that knows tokens."""
    made = World(tmp_path / "home")
    yield made
    await made.close()


SOONEST = POLICY.idle_minutes - MARGIN.total_seconds() / 60  # minutes, as far as clocks and what was heard may be off


@pytest.mark.parametrize(("minutes", "gone"), [(SOONEST - 1, True), (SOONEST, False)])
async def test_a_machine_that_vanished_without_a_word(world: World, minutes: float, gone: bool) -> None:
    """Its cluster may have removed itself only once nobody had heard of the job for as long as that takes."""
    (job,) = world.store.jobs.submit([new_job("k")])
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet, autostop=POLICY)
    (runtime,), (machine,) = world.runtimes.values(), world.machines()
    world.clock.advance(60 * minutes)
    world.account.delete(machine.id)
    runtime.alive = False
    watch = Watch(engine, job, HELLO.spec, "c", 1, 1, [].append)
    found = await watch.outcome(None)
    watch.close()
    assert world.reasons()[-1] == "removed itself by autostop"
    assert (found.state, found.gone) == (ManagedState.FAILED, gone)
    assert found.place.get("region") == (machine.place if gone else None)


async def test_a_cluster_that_does_not_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, which is told once, and given up at last."""
    monkeypatch.setattr(watching, "PAUSE", 0.01)
    monkeypatch.setattr(watching, "PATIENCE", 0.2)
    (job,) = world.store.jobs.submit([new_job("k")])
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    (runtime,), told = world.runtimes.values(), []
    runtime.alive = False
    watch = Watch(engine, job, HELLO.spec, "c", 1, 1, told.append)
    found = await watch.outcome(None)
    watch.close()
    assert found.gone
    assert "does not answer" in found.reason
    (once,) = told
    assert once.startswith("its cluster cannot be reached: ")
