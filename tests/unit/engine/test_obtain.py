"""What an interrupted launch leaves on record, and does not touch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from styx.engine import obtain
from styx.engine.operation import LEASE_SECONDS
from styx.engine.plan import Plan
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from support.records import HOLDER, attempt, cluster
from support.world import World, quiet


@pytest.fixture(params=[asyncio.CancelledError, obtain.NoOffer])
def interrupted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    """How a launch ends before anybody was asked for anything."""

    async def ends(*_: Any) -> None:
        raise request.param("over")

    monkeypatch.setattr(obtain, "first_to_give", ends)
    kind: type[BaseException] = request.param
    return kind


async def make(world: World, holder: Any) -> None:
    """A launch that is interrupted, with a cluster and an intent on record, and the claim ours or that holder's."""
    context = world.engine().context.fresh()
    world.store.clusters.create(cluster("c", ClusterState.PLANNING, attempt="a123"))
    world.store.clusters.acquire("c", "launch", holder or context.holder, LEASE_SECONDS)
    world.store.attempts.add(attempt("t"))
    await obtain.make(context, obtain.Wish(None, "c"), Plan(()), quiet)


async def test_who_was_asked_for_nothing_leaves_nothing(world: World, interrupted: type[BaseException]) -> None:
    """An intent with which nobody was called is closed, and the record goes with it."""
    with pytest.raises(interrupted):
        await make(world, None)
    assert (world.record(), world.store.attempts.of("c")) == (None, [])


async def test_who_has_lost_the_cluster_closes_nothing(world: World, interrupted: type[BaseException]) -> None:
    """What is on record may be another client's by now; and who was interrupted is told that, and nothing else."""
    with pytest.raises(interrupted):
        await make(world, HOLDER)
    assert world.record() is not None
    assert [each.state for each in world.store.attempts.of("c")] == [AttemptState.OPEN]
