"""Runs of Dags that go on from what another process has begun."""

from __future__ import annotations

import asyncio
from copy import copy
from decimal import Decimal

import pytest

from styx.api import NoOffer
from styx.dags.journal import Journal
from styx.dags.model import RunOptions, TaskResult
from styx.dags.run import DagRun
from styx.dags.schedule import TaskState
from styx.spec import Dag
from support.dag_machines import Machines, dag_of, group, task
from support.world import World

S = TaskState


class Gone(BaseException):
    """The process has ended."""


class Written(Journal):
    """What a run has kept, until its process ends; ``after`` is how many times more it can."""

    def __init__(self, past: dict[int, TaskResult], after: int = 1000) -> None:
        super().__init__("0123456789abcdef", past)
        self.kept = {number: copy(result) for number, result in past.items()}
        self._after = after

    async def keep(self, number: int, result: TaskResult) -> None:
        """Raises Gone in place of the first of which it cannot be said any more whether it was kept."""
        if not self._after:
            raise Gone
        self._after -= 1
        self.kept[number] = copy(result)

    async def ours(self) -> bool:
        """A process that is gone removes nothing."""
        return bool(self._after)


async def killed(world: World, dag: Dag, after: int, past: dict[int, TaskResult]) -> dict[int, TaskResult]:
    """What was kept of a run whose process ended after so many entries."""
    journal = Written(past, after)
    with pytest.raises(Gone):
        await DagRun(world.engine(), dag, RunOptions(), lambda *_: None, journal).run()
    return journal.kept


@pytest.mark.parametrize("after", range(6))
async def test_nothing_is_run_twice(machines: Machines, world: World, after: int) -> None:
    """Wherever the process ends, each job runs once, and nothing is left."""
    machines.outputs = {"a": "N=7\n"}
    first = task("a").output_names("N")
    second = task("b", "a").env(N=first.output("N"))
    dag = dag_of(first, second, task("c", "b"))
    kept = await killed(world, dag, after, {})
    result = await DagRun(world.engine(), dag, RunOptions(), lambda *_: None, Written(kept)).run()
    assert result.succeeded
    assert [(each.name, each.state, each.tries) for each in result.tasks] == [(name, S.SUCCEEDED, 1) for name in "abc"]
    assert machines.envs["b"]["N"] == "7"
    assert world.begun() == 3
    assert (world.machines(), world.store.clusters.list()) == ([], [])


async def test_tries_are_not_begun_anew(machines: Machines, world: World) -> None:
    """A task that has failed once, and runs again as the process ends, has no more tries than it is given."""
    machines.fates["a"] = [1, 1, 1, 0]
    dag = dag_of(task("a").retries(2))
    kept = await killed(world, dag, 1, {})
    result = await DagRun(world.engine(), dag, RunOptions(), lambda *_: None, Written(kept)).run()
    assert (result.tasks[0].state, result.tasks[0].tries, world.begun()) == (S.FAILED, 3, 3)


async def test_a_group_that_has_come_to_its_end(machines: Machines, world: World) -> None:
    """What ran beside its primary task as the process ended is not run again, and goes."""
    machines.hold = {"server": asyncio.Event()}
    past = {1: TaskResult("job", S.SUCCEEDED)}
    dag = group("server", "job")
    journal = Written({}, 2)
    running = asyncio.ensure_future(DagRun(world.engine(), dag, RunOptions(keep=True), lambda *_: None, journal).run())
    await machines.begun("server")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert world.machines() != []
    past[0] = TaskResult("server", S.RUNNING, journal.kept[0].cluster)
    result = await DagRun(world.engine(), dag, RunOptions(), lambda *_: None, Written(past)).run()
    assert (result.succeeded, result.tasks[0].state, machines.started.count("server")) == (True, S.CANCELLED, 1)
    assert journal.kept[0].cluster not in {each.name for each in world.store.clusters.list()}


async def test_a_run_that_has_no_place_any_more(machines: Machines, world: World) -> None:
    """What an earlier process has left of it goes."""
    machines.hold = {"a": asyncio.Event()}
    dag, journal = dag_of(task("a")), Written({}, 2)
    running = asyncio.ensure_future(DagRun(world.engine(), dag, RunOptions(keep=True), lambda *_: None, journal).run())
    await machines.begun("a")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert world.machines() != []
    options = RunOptions(max_hourly_cost=Decimal("0.000001"))
    with pytest.raises(NoOffer):
        await DagRun(world.engine(), dag, options, lambda *_: None, Written(journal.kept)).run()
    assert world.machines() == []
