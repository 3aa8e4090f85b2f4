"""Launching: on new and existing clusters."""

from __future__ import annotations

from styx.store.states import ClusterState

from support.world import HELLO, World, quiet


async def test_a_first_launch(world: World) -> None:
    """A new cluster is made on the cheapest offer, set up, and the job is queued on it."""
    engine = world.engine()
    name, job, made = await engine.launch(HELLO, "c", quiet)
    assert (name, job, made) == ("c", 1, True)
    record = world.record()
    assert record is not None
    assert record.state is ClusterState.UP
    assert len(world.machines()) == 1
    (status,) = await engine.status()
    assert status == record
    assert [s.to_state for s in world.store.events.of("c")] == ["planning", "provisioning", "setting_up", "up"]
