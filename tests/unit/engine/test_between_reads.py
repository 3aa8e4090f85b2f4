"""What another client, or a thread of ours, does between a read and the write that goes by it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
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
from styx.testing.memory.cloud import MemoryCloud
from support.puppets import Puppet
from support.records import attempt, cluster
from support.world import HELLO, World, quiet


class Interrupting(MemoryCloud):
    """The cloud in memory, where something happens while it is looked at."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def observe(self, scope: Any, owners: Any) -> Any:  # noqa: D102 - the contract documents it
        seen = super().observe(scope, owners)
        Interrupting.meanwhile()
        return seen


async def half_removed(world: World) -> Callable[[], None]:
    """Cut the removal of cluster ``c`` short when all seems gone; what is returned lets its launch be answered then."""
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    holder = engine.context.fresh().holder
    world.store.clusters.acquire("c", "down", holder, 0.0)
    world.store.clusters.transition("c", ClusterState.TERMINATING)
    (intent,) = world.store.attempts.give_up("c", holder=holder)
    show = world.hide_machines()
    world.clock.advance(1)

    def answer() -> None:
        world.store.attempts.answered(intent, intent.receipt, world.clock.now(), holder)
        show()

    return answer


async def test_an_answer_between_the_last_look_and_the_closing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record goes only together with attempts that are as they were when they were looked for."""
    answer, honest = await half_removed(world), reconcile.record_verdict

    def late(context: Any, record: Any, verdict: Any) -> Any:
        answer()
        return honest(context, record, verdict)

    with monkeypatch.context() as patch:
        patch.setattr(reconcile, "record_verdict", late)
        (record,) = await world.engine().status()
    assert record.state is ClusterState.UNKNOWN
    assert world.unaccounted() == []


async def test_a_cluster_is_not_gone_when_a_call_for_it_has_come_back(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is answered while somebody looks may have made what the look does not show: it stays on record."""
    world = new_world(Interrupting)
    answer = await half_removed(world)
    with monkeypatch.context() as patch:
        patch.setattr(Interrupting, "meanwhile", staticmethod(answer))
        await world.engine().status()
    assert world.record() is not None
    await world.engine().down("c", quiet)
    assert (world.machines(), world.record(), world.store.attempts.unclosed()) == ([], None, [])


async def test_a_launch_that_is_done_late_is_told_of_the_removal(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sees its machines run when nothing of the cluster is on record any more learns that, and not of a bug."""
    world = new_world(Interrupting)

    def remove_it() -> None:
        for each in world.store.attempts.of("c"):
            world.store.attempts.settle(each.token, AttemptState.CLOSED)
        if world.record() is not None:
            world.store.clusters.remove("c", "removed by another client")

    monkeypatch.setattr(Interrupting, "meanwhile", staticmethod(remove_it))
    with pytest.raises(ClusterBusy, match="another client has removed"):
        await world.engine().launch(HELLO, "c", quiet)


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


async def test_a_launch_that_is_done_between_two_reads(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose launch ends while somebody makes sure that it is nobody's is not removed."""
    world = new_world(Idempotency.NONE)
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


@pytest.mark.parametrize("refused", [False, True])
async def test_what_came_late_and_could_not_be_given_back(world: World, puppet: Puppet, refused: bool) -> None:
    """A client that comes late says that its machines were given back only when they were."""
    puppet.begin(lambda engine: engine.launch(HELLO, "c", quiet))
    while not world.machines():
        puppet.step()
    show = world.hide_machines()
    world.clock.advance(LEASE_SECONDS + 1)
    await world.engine().down("c", quiet)
    show()
    for _ in range(50 * refused):
        world.account.fail_next("terminate", InsufficientCapacity("not now"))
    puppet.finish()
    error: Any = puppet.outcome()
    assert ("given back" in error.hint) == (not world.machines()) == (not refused)
    assert ("not now" in error.hint) == refused
