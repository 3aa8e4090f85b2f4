"""A client that comes too late with what it has seen or asked for harms nothing of who was there meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from styx.api import ClusterBusy, Idempotency, NoOffer, OutcomeUnknown
from styx.engine.judge import Verdict
from styx.engine.operation import LEASE_SECONDS
from styx.engine.papers import Papers
from styx.engine.reconcile import record_verdict
from styx.store.records import AttemptState, NodeRecord
from styx.store.states import ClusterState
from support.records import NOW, attempt
from support.world import HELLO, World, quiet


async def test_a_verdict_that_comes_late_is_not_written_down(world: World) -> None:
    """Who looked at a cluster that another client has replaced meanwhile does nothing to the new one."""
    await world.engine().launch(HELLO, "c", quiet)
    late = world.engine().context.fresh()
    seen = world.store.clusters.acquire("c", "reconcile", late.holder, LEASE_SECONDS)
    world.clock.advance(LEASE_SECONDS + 1)
    await world.engine().down("c", quiet)
    await world.engine().launch(HELLO, "c", quiet)
    with pytest.raises(ClusterBusy):
        record_verdict(late, seen, Verdict(None, "removed"))
    with pytest.raises(ClusterBusy):
        world.store.nodes.replace("c", [NodeRecord("c", 0, "old", "running")], holder=late.holder)
    assert [each.state for each in world.store.attempts.of("c")] == [AttemptState.SETTLED]
    await world.engine().status(refresh=True)
    record = world.record()
    assert record is not None
    assert record.state is ClusterState.UP
    assert len(world.machines()) == 1


@pytest.mark.parametrize("kind", [Idempotency.SEARCH, Idempotency.NONE])
async def test_a_provider_that_never_answers_is_asked_a_few_times(tmp_path: Path, kind: Idempotency) -> None:
    """However often nothing comes of a call, it is repeated three times for an offer at most: each may cost money."""
    world = World(tmp_path, kind)
    for _ in range(100):
        world.account.fail_next("launch", OutcomeUnknown("no answer"))
    with pytest.raises(NoOffer):
        await world.engine().launch(HELLO, "c", quiet)
    asked = [call.method for call in world.account.calls].count("launch")
    assert asked == 3 * len([offer for offer in world.account.offers if not offer.accelerators])
    await world.close()


def test_an_attempt_that_was_given_up_in_part_was_given_up() -> None:
    """A client that died while it gave up several intents of one owner leaves nothing to go on with."""
    given_up, still_open = attempt("t", state=AttemptState.TOMBSTONE), attempt("u")
    assert Papers((given_up, still_open)).given_up
    assert not Papers((replace(given_up, state=AttemptState.SETTLED), still_open)).given_up


async def test_a_removal_is_not_closed_over_a_call_that_came_back(world: World) -> None:
    """What was called since the papers were read may have made more than was looked for."""
    read = attempt("t", called_at=NOW)
    world.store.attempts.add(read)
    world.store.attempts.called("t", NOW.replace(hour=1))
    assert not world.store.attempts.close(read)
    assert world.store.attempts.close(replace(read, called_at=NOW.replace(hour=1)))
    assert [each.state for each in world.store.attempts.of("c")] == [AttemptState.CLOSED]


async def test_a_place_on_record_that_nobody_can_look_at_is_named(world: World) -> None:
    """A search does not say that nothing is there where a plugin has gone and its machines may not have."""
    world.store.attempts.add(attempt("t", state=AttemptState.TOMBSTONE, cloud="gone"))
    (said,) = (await world.engine().orphans()).unseen
    assert said.startswith("gone/")
    assert "something of c may be there" in said
