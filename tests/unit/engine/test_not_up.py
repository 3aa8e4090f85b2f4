"""Work on a cluster that is not up: why it is not, and who is busy with it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from styx.api import Autostop, ClusterNotUp, Observation, StyxError
from styx.engine.engine import Engine
from styx.engine.operation import operation
from styx.store.states import ClusterState
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, World, quiet

PAIR = HELLO.nodes(2)


async def advice(engine: Engine, names: Sequence[str] = ("exec", "stop", "start", "autostop", "queue")) -> set[str]:
    """What these commands say to do about the cluster, and its record."""
    commands = {
        "exec": lambda: engine.exec(HELLO, "c", quiet),
        "stop": lambda: engine.stop("c", quiet),
        "start": lambda: engine.start("c", None, quiet),
        "autostop": lambda: engine.autostop("c", Autostop(5)),
        "queue": lambda: engine.queue("c"),
        "launch": lambda: engine.launch(PAIR, "c", quiet),
    }
    (record,) = await engine.status(refresh=True)
    said = {(record.error or {})["hint"]}
    for name in names:
        with pytest.raises(StyxError) as refused:
            await commands[name]()
        said.add(refused.value.hint or "")
    return said


@pytest.mark.parametrize("preempted", [False, True])
async def test_all_commands_give_the_same_advice(world: World, preempted: bool) -> None:
    """To remove what is left of two nodes, and to launch or forget a cluster of which nothing is."""
    engine = world.engine()
    await engine.launch(PAIR, "c", quiet)
    first, second = (node.node_id for node in world.store.nodes.of("c"))
    if preempted:
        world.store.clusters.transition("c", ClusterState.PREEMPTED, reason="taken back")
    for gone, hint in (
        (second, "`styx down c` removes what is left; then launch again."),
        (first, "`styx launch -c c` makes it anew, `styx down c` drops its record."),
    ):
        world.account.delete(gone)
        world.clock.advance(3600.0)
        assert await advice(world.engine()) == {hint}
        if gone == second:
            assert await advice(world.engine(), ["launch"]) == {hint}


async def test_the_reason_on_record_is_told(world: World) -> None:
    """A cluster that cannot be looked at names what does not answer, a few of many."""
    await world.engine().launch(HELLO, "c", quiet)

    class Unreachable(MemoryCloud):
        def observe(self, scope, owners):
            return Observation(
                scope, self.services.clock.now(), (), unreachable=tuple(f"10.0.0.{n}: timed out" for n in range(5))
            )

    world.clouds["memory"] = (Unreachable, world.account)
    engine = world.engine()
    await engine.status(refresh=True)
    with pytest.raises(ClusterNotUp) as refused:
        await engine.queue("c")
    assert refused.value.message == (
        "cluster 'c' is unknown, not up: not everything could be looked at: "
        "10.0.0.0: timed out; 10.0.0.1: timed out; 10.0.0.2: timed out; and 2 more"
    )


async def test_a_cluster_that_failed(world: World) -> None:
    """One that failed is said to have failed, with the ways on and out."""
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    context = engine.context.fresh()
    async with operation(context, "c", "stop"):
        context.move("c", ClusterState.STOPPING)
        context.move("c", ClusterState.FAILED)
    with pytest.raises(ClusterNotUp) as refused:
        await engine.exec(HELLO, "c", quiet)
    assert refused.value.message == "cluster 'c' has failed and is not up"
    assert refused.value.hint == "`styx launch -c c` goes on, `styx down c` removes it."


async def test_who_is_busy_is_told(world: World) -> None:
    """While another client works on the cluster the advice is to wait for it; once it is gone, to go on."""
    engine, other = world.engine(), world.engine()
    await engine.launch(HELLO, "c", quiet)
    context = other.context.fresh()
    async with operation(context, "c", "down"):
        context.move("c", ClusterState.TERMINATING)
        with pytest.raises(ClusterNotUp, match="terminating") as refused:
            await engine.exec(HELLO, "c", quiet)
        assert refused.value.hint == (
            f"process {context.holder.pid} on {context.holder.host} is busy with it (down): wait until that is done."
        )
    with pytest.raises(ClusterNotUp) as refused:
        await engine.exec(HELLO, "c", quiet)
    assert refused.value.hint == "`styx down c` finishes the removal."
