"""A client that dies at any step leaves a true record, no machine without one, and the way open for the next.

Every commit, and every call of a provider or the runtime that may change something, is a step. The operation is run
once for each of them and ends just before it, as a killed process would: nothing that comes after happens, and no lease
is given back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from styx.api import Autostop, Idempotency, InsufficientCapacity, NodeState, OutcomeUnknown, SelfStop
from styx.engine.engine import Engine
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from support.world import HELLO, Killed, Life, World, quiet

Operation = Callable[[Engine], Awaitable[object]]
PAIR = HELLO.nodes(2)


async def launch(engine: Engine) -> object:
    """Launch two nodes that stop themselves."""
    return await engine.launch(PAIR, "c", quiet, autostop=Autostop(10))


async def exec_(engine: Engine) -> object:
    """Queue another job."""
    return await engine.exec(PAIR, "c", quiet)


async def stop(engine: Engine) -> object:
    """Stop the cluster."""
    return await engine.stop("c", quiet)


async def start(engine: Engine) -> object:
    """Start it."""
    return await engine.start("c", None, quiet)


async def down(engine: Engine) -> object:
    """Remove it."""
    return await engine.down("c", quiet)


async def forget(engine: Engine) -> object:
    """Drop its record."""
    return await engine.down("c", quiet, forget=True)


async def autostop(engine: Engine) -> object:
    """Have it stop itself."""
    return await engine.autostop("c", Autostop(5))


async def nothing(engine: Engine) -> object:
    """Leave it at that."""
    return None


async def up(world: World) -> None:
    """It is up."""
    await world.engine().launch(PAIR, "c", quiet)


async def stopped(world: World) -> None:
    """It is stopped."""
    await up(world)
    await world.engine().stop("c", quiet)


async def refusing(world: World) -> None:
    """The first two offers are sold out, the second of them only after machines were made."""
    world.account.fail_next("launch", InsufficientCapacity("none left"))
    world.account.fail_next("launch", OutcomeUnknown("no answer"), after=True)


async def fresh(world: World) -> None:
    """Nothing is there yet."""


def worlds(tmp_path: Path, kind: Idempotency) -> Iterator[World]:
    """One new world after the other."""
    for number in count():
        yield World(tmp_path / str(number), kind)


async def die_at(world: World, operation: Operation, step: int) -> Life:
    """Run the operation in a client that dies before that step."""
    life = Life(ends_at=step)
    engine = world.engine(life)
    try:
        await operation(engine)
    except Killed:
        assert life.over
    return life


async def shown(world: World) -> set[str]:
    """The machines of which nobody can tell whose they are, as Styx shows them."""
    return {orphan.name for orphan in (await world.engine().orphans()).orphans if orphan.owner is None}


async def assert_true(world: World, where: str) -> None:
    """What the record says is how it is; what cannot be on record, on a cloud that names nothing, is shown."""
    strangers = await shown(world) if world.kind is Idempotency.NONE else set()
    record, machines = world.record(), [m for m in world.machines() if m.id not in strangers]
    assert {machine.id for machine in world.unaccounted()} == strangers, where
    if record is None:
        open_ = [a for a in world.store.attempts.of("c") if a.state is not AttemptState.CLOSED]
        assert not machines or open_, where
        return
    running = [m for m in machines if m.state is NodeState.RUNNING]
    assert record.operation is None, where
    if record.state is ClusterState.UP:
        runtime = next(r for key, r in world.runtimes.items() if record.attempt in key)
        assert runtime.alive, where
        assert len(running) == len(machines) == record.num_nodes == 2, where
        assert len(world.store.nodes.of("c")) == 2
        assert runtime.autostop == (record.autostop if record.autostop_set else runtime.autostop), where
        assert runtime.autostop is None or record.autostop is not None, where
        if record.autostop_set and world.kind is not Idempotency.NONE:
            ends = SelfStop.TERMINATE if record.autostop and record.autostop.down else SelfStop.STOP
            assert {machine.shutdown for machine in running} == {ends}, where
    elif record.state is ClusterState.STOPPED:
        assert machines, where
        assert not running, where
    elif record.state is ClusterState.LOST:
        assert not machines, where
    else:
        assert record.state in {
            ClusterState.FAILED, ClusterState.SETTLING, ClusterState.STOPPING, ClusterState.TERMINATING
        }, where  # fmt: skip


async def every_step(
    tmp_path: Path, kind: Idempotency, before: Callable[[World], Awaitable[None]], operation: Operation, then: Operation
) -> int:
    """Kill ``operation`` at each step in turn; each time look, run ``then``, and remove the cluster."""
    for number, world in enumerate(worlds(tmp_path, kind)):
        try:
            await before(world)
            life = await die_at(world, operation, number)
            where = f"killed at step {number}: {life.steps[-1]}"
            await world.engine().status()
            await assert_true(world, where)
            if not life.over:
                assert number > 0, "nothing was enumerated"
                return number
            await then(world.engine())
            await assert_true(world, f"{where}, and then {then.__name__}")
            if then in (launch, start):
                record = world.record()
                assert record is not None, where
                assert record.state is ClusterState.UP, where
            if world.record() is not None:
                await world.engine().down("c", quiet)
            await world.engine().status(refresh=True)
            strangers = await shown(world) if kind is Idempotency.NONE else set()
            assert {machine.id for machine in world.machines()} == strangers, where
            assert world.record() is None, where
            assert not [a for a in world.store.attempts.of("c") if a.state is not AttemptState.CLOSED], where
        finally:
            await world.close()
    raise AssertionError


@pytest.mark.parametrize("kind", list(Idempotency))
@pytest.mark.parametrize("then", [launch, nothing], ids=["and launched again", "and removed"])
async def test_launch(tmp_path: Path, kind: Idempotency, then: Operation) -> None:
    """Launching a new two-node cluster."""
    await every_step(tmp_path, kind, fresh, launch, then)


@pytest.mark.parametrize("kind", [Idempotency.TOKEN, Idempotency.NAME, Idempotency.SEARCH])
async def test_launch_with_failover(tmp_path: Path, kind: Idempotency) -> None:
    """Launching where the first offers fail, one of them in the worst way."""
    await every_step(tmp_path, kind, refusing, launch, launch)


@pytest.mark.parametrize("then", [stop, start, launch, down], ids=lambda then: then.__name__)
async def test_stop(tmp_path: Path, then: Operation) -> None:
    """Stopping: it can be finished, turned back, or followed by anything else."""
    await every_step(tmp_path, Idempotency.TOKEN, up, stop, then)


@pytest.mark.parametrize("then", [start, launch, stop, down], ids=lambda then: then.__name__)
async def test_start(tmp_path: Path, then: Operation) -> None:
    """Starting a stopped cluster; its machines are the same ever after."""
    await every_step(tmp_path, Idempotency.TOKEN, stopped, start, then)


@pytest.mark.parametrize("then", [launch, nothing], ids=["and launched again", "and removed again"])
async def test_down(tmp_path: Path, then: Operation) -> None:
    """Removing a cluster: the next launch under its name makes a new one."""
    await every_step(tmp_path, Idempotency.TOKEN, up, down, then)


async def test_exec(tmp_path: Path) -> None:
    """Queueing a job changes nothing about the cluster."""
    await every_step(tmp_path, Idempotency.TOKEN, up, exec_, exec_)


async def test_autostop(tmp_path: Path) -> None:
    """Setting autostop: a node that may stop itself is never on record as one that does not."""
    await every_step(tmp_path, Idempotency.TOKEN, up, autostop, autostop)


async def test_forget(tmp_path: Path) -> None:
    """Forgetting leaves tombstones, and the machines go with the next sweep."""
    await every_step(tmp_path, Idempotency.TOKEN, up, forget, nothing)
