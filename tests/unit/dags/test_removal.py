"""A removal that has begun goes on to its end, whoever is interrupted; one that fails is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from styx.api import PermissionDenied
from styx.dags.model import RunOptions
from styx.dags.run import DagRun
from styx.dags.schedule import TaskState
from styx.testing.memory.cloud import MemoryCloud
from support.dag_machines import Machines, group, task
from support.world import World


class SlowRemoval:
    """A provider whose machines of one task take until ``done`` to go, as real ones do for a minute."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, whose: str) -> None:
        self.begun, self.done = asyncio.Event(), False
        loop, honest, sleep = asyncio.get_running_loop(), MemoryCloud.terminate, world.clock.sleep

        def terminate(cloud: Any, scope: Any, owner: Any, receipts: Any) -> None:
            slow = owner.cluster.endswith(whose)
            if slow:
                loop.call_soon_threadsafe(self.begun.set)
            if self.done or not slow:
                honest(cloud, scope, owner, receipts)

        async def really(seconds: float) -> None:
            # Meanwhile time goes slowly: however fast this machine is, nobody's patience comes to its end.
            await sleep(min(seconds, 0.05) if self.begun.is_set() and not self.done else seconds)
            await asyncio.sleep(0)

        monkeypatch.setattr(MemoryCloud, "terminate", terminate)
        world.clock.sleep = really  # type: ignore[method-assign]

    def end(self) -> None:
        """From now on they go."""
        self.done = True


async def test_interruptions_while_a_cluster_is_being_removed(
    machines: Machines, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is interrupted, the cluster is gone when the run has stopped."""
    slow = SlowRemoval(world, monkeypatch, "a")
    running = asyncio.ensure_future(machines.run(task("a")))
    await slow.begun.wait()
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0.01)
    assert not running.done()
    slow.end()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (world.machines(), world.store.clusters.list()) == ([], [])


async def test_a_group_that_ends_while_the_cluster_of_one_is_being_removed(
    machines: Machines, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody interrupts anything, the run succeeds, and nothing is left of it."""
    slow = SlowRemoval(world, monkeypatch, "server")
    machines.hold = {"job": asyncio.Event()}
    running = asyncio.ensure_future(DagRun(world.engine(), group("server", "job"), RunOptions(), lambda *_: None).run())
    await slow.begun.wait()  # the server has ended by itself
    machines.hold["job"].set()
    asyncio.get_running_loop().call_later(0.2, slow.end)
    assert (await running).succeeded
    assert (world.machines(), world.store.clusters.list()) == ([], [])


async def test_a_cluster_that_could_not_be_removed(machines: Machines, world: World) -> None:
    """It bills on: the result of its task says so, and the run has not succeeded, though the task has."""
    for _ in range(50):
        world.account.fail_next("terminate", PermissionDenied("no", action="delete"))
    result = await machines.run(task("a"), task("b", "a"), at_once=1)
    assert world.machines()
    assert (result.succeeded, result.tasks[0].state) == (False, TaskState.SUCCEEDED)
    assert f"cluster {result.tasks[0].cluster} is not removed: " in result.tasks[0].reason


async def test_a_cluster_of_the_users(machines: Machines, world: World) -> None:
    """One that the run has not made is neither used nor removed by it."""
    run = machines.prepared(task("a"))
    await world.engine().launch(task("mine"), f"{run.name}-a", lambda *_: None)
    (mine,) = world.machines()
    result = await run.run()
    assert result.succeeded
    assert result.tasks[0].cluster != f"{run.name}-a"
    assert [each.id for each in world.machines()] == [mine.id]
