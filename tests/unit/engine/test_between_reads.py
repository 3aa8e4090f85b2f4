"""What another client, or a thread of ours, does between a read and the write that goes by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from styx.api import ClusterBusy, Idempotency, InsufficientCapacity
from styx.engine import obtain, reconcile
from styx.engine.operation import LEASE_SECONDS
from styx.store import schema
from styx.store.records import AttemptState
from styx.store.rows import columns
from styx.store.states import ClusterState
from support.puppets import Puppet
from support.records import attempt, cluster
from support.world import HELLO, World, quiet


@pytest.fixture
def puppet(world: World) -> Iterator[Puppet]:
    """A client that goes on when it is told to."""
    made = Puppet(world)
    yield made
    made.kill()


async def test_an_answer_between_the_last_look_and_the_closing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record goes only together with attempts that are as they were when they were looked for."""
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    holder = engine.context.fresh().holder
    world.store.clusters.acquire("c", "down", holder, 0.0)
    world.store.clusters.transition("c", ClusterState.TERMINATING)
    (intent,) = world.store.attempts.give_up("c", holder=holder)
    machines = world.account._machines
    hidden = dict(machines)
    machines.clear()
    world.clock.advance(1)
    honest = reconcile.record_verdict

    def late(context: Any, record: Any, verdict: Any) -> Any:
        world.store.attempts.answered(intent, intent.receipt, world.clock.now(), holder)
        machines.update(hidden)
        return honest(context, record, verdict)

    with monkeypatch.context() as patch:
        patch.setattr(reconcile, "record_verdict", late)
        (record,) = await engine.status()
    assert record.state is ClusterState.UNKNOWN
    assert world.unaccounted() == []


async def test_a_call_that_begins_while_its_intent_is_dropped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intent is closed as never asked for only if it is: a thread of a launch that was cancelled may be about to."""
    context = world.engine().context.fresh()
    world.store.clusters.create(cluster("c", ClusterState.PROVISIONING))
    world.store.clusters.acquire("c", "launch", context.holder, LEASE_SECONDS)
    world.store.attempts.add(attempt("t", called_at=None))
    honest = context.store.attempts.of

    def of(name: str) -> Any:
        read = honest(name)
        context.store.attempts.called("t", world.clock.now(), holder=context.holder)
        return read

    with monkeypatch.context() as patch:
        patch.setattr(context.store.attempts, "of", of)
        obtain._forget_unasked(context, "c")
    assert [each.state for each in world.store.attempts.of("c")] == [AttemptState.OPEN]


async def test_a_launch_that_is_done_between_two_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose launch ends while somebody makes sure that it is nobody's is not removed."""
    world = World(tmp_path, Idempotency.NONE)
    await world.engine().launch(HELLO, "c", quiet)
    (done,) = world.store.attempts.of("c")

    def write(**values: Any) -> None:
        with world.store._database.write() as connection:
            connection.execute(update(schema.attempts).values(**values))

    write(**columns({"state": AttemptState.OPEN}), receipt=None)  # as it was a moment ago
    engine = world.engine()
    (orphan,) = (await engine.orphans()).orphans
    unclosed = engine.context.store.attempts.unclosed
    reads: list[int] = []

    def read() -> Any:
        found = unclosed()
        if not reads:
            write(**columns({"state": AttemptState.SETTLED, "receipt": done.receipt}))
        reads.append(1)
        return found

    monkeypatch.setattr(engine.context.store.attempts, "unclosed", read)
    with suppress(ClusterBusy):
        await engine.discard(replace(orphan, cluster=""), quiet)
    assert len(world.machines()) == 1
    await world.close()


@pytest.mark.parametrize("refused", [False, True])
async def test_what_came_late_and_could_not_be_given_back(world: World, puppet: Puppet, refused: bool) -> None:
    """A client that comes late says that its machines were given back only when they were."""
    puppet.begin(lambda engine: engine.launch(HELLO, "c", quiet))
    while not world.machines():
        puppet.step()
    hidden = dict(world.account._machines)
    world.account._machines.clear()
    world.clock.advance(LEASE_SECONDS + 1)
    await world.engine().down("c", quiet)
    world.account._machines.update(hidden)
    for _ in range(50 * refused):
        world.account.fail_next("terminate", InsufficientCapacity("not now"))
    puppet.finish()
    error: Any = puppet.outcome()
    assert ("given back" in error.hint) == (not world.machines()) == (not refused)
    assert ("not now" in error.hint) == refused
