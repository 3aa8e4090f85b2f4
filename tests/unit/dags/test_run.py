"""Runs of Dags on the engine: what starts when, what is tried again or handed on, and that nothing stays behind."""

from __future__ import annotations

import asyncio

import pytest

from styx.api import InsufficientCapacity, NoOffer
from styx.dags.model import DagResult, RunOptions
from styx.dags.run import DagRun
from styx.dags.schedule import TaskState
from styx.spec import Resources
from support.dag_machines import Machines, dag_of, group, task
from support.world import World

S = TaskState


def states(result: DagResult) -> dict[str, TaskState]:
    """What became of each."""
    return {each.name: each.state for each in result.tasks}


async def test_tasks_run_in_order_and_leave_nothing(machines: Machines, world: World) -> None:
    """Each has a cluster of its own, gone when the task has ended."""
    result = await machines.run(task("a"), task("b", "a"), task("c", "b"))
    assert result.succeeded
    assert machines.started == ["a", "b", "c"]
    assert len({each.cluster for each in result.tasks}) == 3
    assert (world.machines(), world.store.clusters.list()) == ([], [])


async def test_a_failure_stops_its_dependants_alone(machines: Machines, world: World) -> None:
    """What does not come after it runs on; the run as a whole has failed, and says why."""
    machines.fates["a"] = [3]
    result = await machines.run(task("a"), task("b"), task("after", "a"), task("beside", "b"))
    assert states(result) == {"a": S.FAILED, "b": S.SUCCEEDED, "after": S.SKIPPED, "beside": S.SUCCEEDED}
    assert not result.succeeded
    assert [(each.reason, each.exit_code) for each in result.tasks if each.reason] == [
        ("job 1 ended as failed with exit code 3", 3), ("a failed", None),
    ]  # fmt: skip
    assert world.machines() == []


async def test_independent_tasks_run_side_by_side(machines: Machines) -> None:
    """Each of two waits for the other to have started, which only ends when both run at one time."""
    first, second = asyncio.Event(), asyncio.Event()
    machines.hold = {"a": first, "b": second}
    running = asyncio.ensure_future(machines.run(task("a"), task("b")))
    await machines.begun("a", "b")
    first.set()
    second.set()
    assert (await running).succeeded


async def test_no_more_at_once_than_is_asked_for(machines: Machines, world: World) -> None:
    """The others wait until there is room."""
    held = asyncio.Event()
    machines.hold = {"a": held}
    running = asyncio.ensure_future(machines.run(task("a"), task("b"), at_once=1))
    await machines.begun("a")
    assert (machines.started, len(world.store.clusters.list())) == (["a"], 1)
    held.set()
    assert (await running).succeeded


@pytest.mark.parametrize(
    ("fates", "codes", "state", "tries"),
    [
        ([1, 1, 0], (), S.SUCCEEDED, 3),
        ([1, 1, 1], (), S.FAILED, 3),
        ([7, 0], (7, 8), S.SUCCEEDED, 2),
        ([1, 0], (7, 8), S.FAILED, 1),
    ],
)
async def test_retries(
    machines: Machines, world: World, fates: list[int], codes: tuple[int, ...], state: TaskState, tries: int
) -> None:
    """A task is run again as often as it says, after any exit code or those that it names, on the same cluster."""
    machines.fates["a"] = [*fates]
    result = await machines.run(task("a").retries(2, *codes))
    assert (result.tasks[0].state, result.tasks[0].tries) == (state, tries)
    assert len([call for call in world.account.calls if call.method == "launch"]) == 1


async def test_outputs_are_handed_on(machines: Machines) -> None:
    """What one task writes stands in the variables of those that use it, which come after it by that alone."""
    machines.outputs["a"] = "noise\nROWS=1\nROWS=42\nOTHER=x\n"
    first = task("a").output_names("ROWS")
    result = await machines.run(task("b").env(COUNT=f"n={first.output('ROWS')}"), first)
    assert result.succeeded
    assert machines.envs["b"]["COUNT"] == "n=42"
    assert result.tasks[1].outputs == {"ROWS": "42"}


async def test_a_task_that_gives_no_output_has_failed(machines: Machines) -> None:
    """Those that use the value are left out, and the reason says how to give it."""
    machines.outputs["a"] = "OTHER=1\n"
    first = task("a").output_names("ROWS")
    result = await machines.run(first, task("b").env(COUNT=first.output("ROWS")))
    assert states(result) == {"a": S.FAILED, "b": S.SKIPPED}
    assert "gave no ROWS: write NAME=VALUE to the file $STYX_OUTPUTS" in result.tasks[0].reason


async def test_an_output_that_was_never_given(machines: Machines) -> None:
    """A task that comes in any case, and uses what a failed one should have given, fails and says so."""
    machines.fates["a"] = [1]
    first = task("a").output_names("ROWS")
    result = await machines.run(first, task("b").env(COUNT=first.output("ROWS")).when("always"))
    assert (result.tasks[1].state, result.tasks[1].reason) == (S.FAILED, "a gave no ROWS")


async def test_what_cannot_be_had_fails_its_task_alone(machines: Machines, world: World) -> None:
    """No capacity anywhere is a failure like any other: it can be tried again, and others go on."""
    for _ in world.account.offers:
        world.account.fail_next("launch", InsufficientCapacity("none left"))
    result = await machines.run(task("a"), task("b", "a"), at_once=1)
    assert states(result) == {"a": S.FAILED, "b": S.SKIPPED}
    assert "none left" in result.tasks[0].reason
    assert world.machines() == []


async def test_what_fits_nowhere_is_known_before_anything_runs(machines: Machines) -> None:
    """A task that no cloud could run ends the run before the first task starts."""
    with pytest.raises(NoOffer, match="b: nothing that can be rented fits"):
        await machines.run(task("a"), task("b", "a").resources(Resources(accelerators="H100:8")))
    assert machines.started == []


async def test_a_broken_connection_is_made_anew(machines: Machines) -> None:
    """The job goes on without us; it is waited for again, and not run again."""
    machines.broken = 2
    result = await machines.run(task("a"))
    assert (result.succeeded, result.tasks[0].tries) == (True, 1)


async def test_a_cluster_that_is_lost_fails_its_task(machines: Machines, world: World) -> None:
    """Where the machines are gone there is nothing to connect to any more."""
    machines.broken = 1
    sleep = world.clock.sleep

    async def lose(seconds: float) -> None:
        for machine in world.machines():
            world.account.delete(machine.id)
        await sleep(seconds)

    world.clock.sleep = lose  # type: ignore[method-assign]
    result = await machines.run(task("a"))
    assert result.tasks[0].state is S.FAILED
    assert world.store.clusters.list() == []


async def test_an_interruption_removes_what_runs(machines: Machines, world: World) -> None:
    """The clusters of running tasks are gone when the run has stopped, and nothing more starts."""
    machines.hold = {"a": asyncio.Event()}
    running = asyncio.ensure_future(machines.run(task("a"), task("b", "a")))
    await machines.begun("a")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (world.machines(), world.store.clusters.list(), machines.started) == ([], [], ["a"])


async def test_clusters_are_kept_where_that_is_asked_for(machines: Machines, world: World) -> None:
    """With ``keep`` they stay as they are, until somebody removes them; others go by themselves at the latest."""
    await machines.run(task("a"), keep=True)
    (record,) = world.store.clusters.list()
    assert record.autostop is None


async def test_a_group_ends_with_its_primary_tasks(machines: Machines, world: World) -> None:
    """The others are ended once these have, and that is no failure."""
    machines.hold = {"server": asyncio.Event()}
    result = await DagRun(world.engine(), group("server", "job"), RunOptions(), lambda *_: None).run()
    assert states(result) == {"server": S.CANCELLED, "job": S.SUCCEEDED}
    assert (result.succeeded, result.tasks[0].reason) == (True, "the primary tasks have ended")
    assert world.machines() == []


async def test_nothing_more_starts_once_the_primary_tasks_have_ended(machines: Machines, world: World) -> None:
    """What still waits is cancelled, and that is no failure either."""
    dag = group("server", "job")
    dag.add(task("after", "job"))
    dag.add(task("mend", "server").when("always"))
    machines.hold = {"server": asyncio.Event(), "job": asyncio.Event()}
    running = asyncio.ensure_future(DagRun(world.engine(), dag, RunOptions(), lambda *_: None).run())
    await machines.begun("server", "job")
    machines.hold["job"].set()
    result = await running
    assert states(result) == {"server": S.CANCELLED, "job": S.SUCCEEDED, "after": S.CANCELLED, "mend": S.CANCELLED}
    assert (result.succeeded, sorted(machines.started)) == (True, ["job", "server"])


async def test_what_waits_for_its_place_does_not_take_that_of_the_last_primary_task(
    machines: Machines, world: World
) -> None:
    """Of a group with more tasks than may run at once: no machine is made for one that would have to end at once."""
    options = {"primary_tasks": ["job"], "termination_delay": "3s"}
    dag = dag_of(task("job"), task("server"), execution="parallel", options=options)
    machines.hold = {"server": asyncio.Event()}
    result = await DagRun(world.engine(), dag, RunOptions(at_once=1), lambda *_: None).run()
    assert states(result) == {"job": S.SUCCEEDED, "server": S.CANCELLED}
    assert (result.succeeded, machines.started) == (True, ["job"])
