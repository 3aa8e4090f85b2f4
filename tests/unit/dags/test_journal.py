"""Runs of Dags that go on from what another process has begun."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from copy import copy
from decimal import Decimal

import pytest

from styx.dags import run
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
    """What a run has kept, from what ``before`` has of it, until its process ends: ``after`` so many entries."""

    def __init__(self, before: Written | None = None, after: int = 1000) -> None:
        past = {} if before is None else {number: copy(result) for number, result in before.kept.items()}
        super().__init__("0123456789abcdef", None if before is None else before.agreed, past)
        self.kept = {number: copy(result) for number, result in past.items()}
        self._after = after

    async def begin(self, agreed: Sequence[Decimal | None]) -> None:
        """As an entry."""
        self._count()
        self.agreed = agreed

    async def keep(self, number: int, result: TaskResult) -> None:
        """As an entry."""
        self._count()
        self.kept[number] = copy(result)

    async def ours(self) -> bool:
        """A process that is gone removes nothing."""
        return bool(self._after)

    def _count(self) -> None:
        if not self._after:
            raise Gone
        self._after -= 1


async def killed(world: World, dag: Dag, after: int) -> Written:
    """What was kept of a run whose process ended after so many entries."""
    journal = Written(after=after)
    with pytest.raises(Gone):
        await DagRun(world.engine(), dag, RunOptions(), lambda *_: None, journal).run()
    return journal


async def left(machines: Machines, world: World, dag: Dag, name: str) -> Written:
    """What was kept of a run that ended while that task ran, and whose machines are there still."""
    machines.hold, journal = {name: asyncio.Event()}, Written()
    running = asyncio.ensure_future(DagRun(world.engine(), dag, RunOptions(keep=True), lambda *_: None, journal).run())
    await machines.begun(name)
    kept = {number: copy(result) for number, result in journal.kept.items()}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    journal.kept = kept
    return journal


@pytest.mark.parametrize("after", range(7))
async def test_nothing_is_run_twice(machines: Machines, world: World, after: int) -> None:
    """Wherever the process ends, each job runs once, and nothing is left."""
    machines.outputs = {"a": "N=7\n"}
    first = task("a").output_names("N")
    second = task("b", "a").env(N=first.output("N"))
    dag = dag_of(first, second, task("c", "b"))
    kept = await killed(world, dag, after)
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
    kept = await killed(world, dag, 2)
    result = await DagRun(world.engine(), dag, RunOptions(), lambda *_: None, Written(kept)).run()
    assert (result.tasks[0].state, result.tasks[0].tries, world.begun()) == (S.FAILED, 3, 3)


async def test_a_group_that_has_come_to_its_end(machines: Machines, world: World) -> None:
    """What ran beside its primary task as the process ended is not run again, and goes."""
    dag = group("server", "job")
    kept = await left(machines, world, dag, "server")
    assert kept.kept[0].cluster in {each.name for each in world.store.clusters.list()}
    kept.kept[1] = TaskResult("job", S.SUCCEEDED)
    result = await DagRun(world.engine(), dag, RunOptions(), lambda *_: None, Written(kept)).run()
    assert (result.succeeded, result.tasks[0].state, machines.started.count("server")) == (True, S.CANCELLED, 1)
    assert kept.kept[0].cluster not in {each.name for each in world.store.clusters.list()}


async def test_a_run_that_has_begun_is_not_planned_again(machines: Machines, world: World) -> None:
    """Its own machines may be all that there are; what an hour may cost stays as it was agreed on."""
    dag = dag_of(task("a"), task("b", "a"))
    kept = await left(machines, world, dag, "a")
    assert kept.agreed is not None
    machines.hold["a"].set()
    dearer = [None if cost is None else cost / 2 for cost in kept.agreed]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "plan_places", None)
        done = await DagRun(world.engine(), dag, RunOptions(), lambda *_: None, Written(kept)).run()
        assert [each.state for each in done.tasks] == [S.SUCCEEDED, S.SUCCEEDED]
        kept.agreed, kept.kept = dearer, {0: done.tasks[0]}
        refused = await DagRun(world.engine(), dag, RunOptions(), lambda *_: None, Written(kept)).run()
    assert [each.state for each in refused.tasks] == [S.SUCCEEDED, S.FAILED]
