"""A client that stood still while its cluster was removed, and what came late of it taken up by the user."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from styx.api import ClusterBusy
from styx.engine.operation import LEASE_SECONDS
from styx.engine.orphans import Orphan
from styx.engine.papers import papers_of
from styx.engine.removal import remove
from styx.store.records import AttemptRecord, AttemptState
from styx.store.states import ClusterState
from styx.testing.memory.cloud import MemoryCloud
from support.puppets import Puppet
from support.world import HELLO, World, quiet


async def late_machine(world: World) -> Orphan:
    """Remove cluster ``c`` while its machine does not show; what is found when it does."""
    show = world.hide_machines()
    await world.engine().down("c", quiet)
    assert (world.record(), world.store.attempts.of("c")) == (None, [])
    show()
    (orphan,) = (await world.engine().orphans()).orphans
    return orphan


async def given_up(world: World) -> AttemptRecord:
    """The attempt of a cluster as somebody read it who was about to remove it, before it was taken up."""
    await world.engine().launch(HELLO, "c", quiet)
    (read,) = world.store.attempts.of("c")
    await world.engine().adopt(await late_machine(world))
    return replace(read, state=AttemptState.TOMBSTONE)


async def is_unscathed(world: World) -> bool:
    """Whether ``c`` is up with its one machine, and is so still once it was looked at."""
    await world.engine().status(refresh=True)
    record = world.record()
    return record is not None and record.state is ClusterState.UP and len(world.machines()) == 1


async def test_a_late_answer_leaves_it_alone(world: World, puppet: Puppet) -> None:
    """A launch that is answered after all joins what was taken up; its client is told, and all of it can be removed."""
    puppet.begin(lambda engine: engine.launch(HELLO, "c", quiet))
    while not world.machines():
        puppet.step()  # to the commit of the answer
    world.clock.advance(LEASE_SECONDS + 1)
    await world.engine().adopt(await late_machine(world))
    puppet.finish()
    assert isinstance(puppet.outcome(), ClusterBusy)
    assert world.store.attempts.late() == {"c"}
    assert await is_unscathed(world)
    assert world.store.attempts.late() == set()
    await world.engine().down("c", quiet)
    assert (world.machines(), world.store.attempts.unclosed()) == ([], [])


async def test_a_removal_that_goes_on_late_leaves_it_alone(world: World) -> None:
    """Who was about to ask the provider once more to remove what is a cluster again by now does not."""
    late = await given_up(world)
    context = world.engine().context
    await remove(context, context.clouds.get("memory"), papers_of([late]), quiet)
    assert await is_unscathed(world)


async def test_a_look_that_goes_on_late_leaves_it_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looked while it was given up, and comes to remove what turned up only now, finds that it is in use."""
    late = await given_up(world)
    context = world.engine().context
    monkeypatch.setattr(context.store.attempts, "tombstones", lambda *_: [late])
    await context.lookout(context.clouds.get("memory")).look(late.prepared.scope, [])
    assert await is_unscathed(world)


async def test_a_claim_begins_when_it_is_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes a cluster up holds it from then on, however long the provider took to say what it sells."""
    await world.engine().launch(HELLO, "c", quiet)
    orphan = await late_machine(world)
    offers, look, held = MemoryCloud.offers, MemoryCloud.observe, []

    def slow(cloud: Any, query: Any) -> Any:
        world.clock.advance(2 * LEASE_SECONDS)
        return offers(cloud, query)

    def note(cloud: Any, scope: Any, owners: Any) -> Any:
        record = world.record()
        assert record is not None
        assert record.operation is not None
        held.append(record.operation.expires_at > world.clock.now())
        return look(cloud, scope, owners)

    monkeypatch.setattr(MemoryCloud, "offers", slow)
    monkeypatch.setattr(MemoryCloud, "observe", note)
    await world.engine().adopt(orphan)
    assert held == [True]
