"""Notices of preemption: recorded once, told to plugins, and evidence when the machine is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from styx.api import Cause, ClusterNotUp, Node, NodeState, Observation
from styx.engine.observe import sight
from styx.engine.papers import Papers
from styx.spec import Resources, Task
from styx.store.states import ClusterState
from support.world import World, quiet

SPOT = Task("t", resources=Resources().spot()).run("x")


async def launched(world: World, task: Task = SPOT, nodes: int = 1) -> Any:
    """A client whose spot cluster is up."""
    engine = world.engine()
    await engine.launch(task.override({"num_nodes": nodes}), "c", quiet)
    return engine


def give_notice(world: World, rank: int = 0) -> None:
    """Let the nodes of the cluster know."""
    (runtime,) = world.runtimes.values()
    runtime.notices[rank] = world.clock.now() - timedelta(seconds=3)


async def test_nodes_of_spot_clusters_are_told_how_to_ask(world: World) -> None:
    """By the cloud's own command for this offer, whoever prepares them; what nobody takes back asks for nothing."""
    engine = await launched(world)
    (spot,) = world.runtimes.values()
    for _ in range(2):
        assert spot.notice_command == 'test -e "$HOME/.preempted"'
        spot.notice_command = None
        await world.engine().launch(SPOT, "c", quiet)
    await engine.launch(Task("t").run("x"), "d", quiet)
    assert [each.notice_command for each in world.runtimes.values() if each is not spot] == [None]


async def test_a_notice_is_an_event_of_the_cluster_once(world: World) -> None:
    """With the node's rank and the time, however often, and from however many clients, it is heard."""
    seen: list[Any] = []

    def hear(event: Any) -> None:
        seen.append(event)

    world.hooks["styx_event"] = hear
    engine = await launched(world, nodes=2)
    give_notice(world, 1)
    at = world.clock.now() - timedelta(seconds=3)
    world.clock.advance(60.0)
    for client in (engine, engine, world.engine()):
        await client.queue("c")
        await client.context.told()
    (event,) = [each for each in world.store.events.of("c") if each.kind == "preemption_notice"]
    assert event.reason.startswith("node 1 is about to be taken back by its provider: it was given notice at ")
    (told,) = [each for each in seen if each.kind == "preemption_notice"]
    assert told.data == {"rank": "1", "noticed_at": at.isoformat()}
    assert [node.noticed_at for node in world.store.nodes.of("c")] == [None, at]
    record = world.record()
    assert record is not None
    assert (record.state, (record.error or {})["code"]) == (ClusterState.UP, "preempted")


async def test_what_vanishes_after_a_notice_was_preempted(world: World) -> None:
    """The next look at the cluster says so, without being asked to look; and so does the one after it."""
    engine = await launched(world)
    give_notice(world)
    await engine.queue("c")
    (record,) = await engine.status()
    assert record.state is ClusterState.UP
    (machine,) = world.machines()
    world.account.delete(machine.id)
    world.clock.advance(3600.0)
    for _ in range(2):
        (record,) = await engine.status()
        assert record.state is ClusterState.PREEMPTED


async def test_what_vanishes_without_a_notice_is_lost(world: World) -> None:
    """A notice that was given to an earlier machine of the name is no evidence."""
    engine = await launched(world)
    give_notice(world)
    await engine.queue("c")
    await engine.down("c", quiet)
    world.runtimes.clear()
    await engine.launch(SPOT, "c", quiet)
    (machine,) = world.machines()
    world.account.delete(machine.id)
    world.clock.advance(3600.0)
    (record,) = await engine.status(refresh=True)
    assert record.state is ClusterState.LOST


async def test_one_of_two_nodes_taken_back_is_a_preemption_that_stays_one(world: World) -> None:
    """Also once nobody lists the node that is gone any more; what is advised is what a launch asks for."""
    engine = await launched(world, nodes=2)
    give_notice(world, 1)
    await engine.queue("c")
    (record,) = await engine.status()
    advice = "`styx down c` removes {}; then launch again."
    assert record.error is not None
    assert record.error["hint"].endswith(advice.format("the others"))
    gone = world.store.nodes.of("c")[1].node_id
    world.account.delete(gone)
    world.clock.advance(3600.0)
    for _ in range(2):
        (record,) = await engine.status(refresh=True)
        assert record.state is ClusterState.PREEMPTED
        assert record.error is not None
        assert record.error["hint"] == advice.format("what is left")
    with pytest.raises(ClusterNotUp) as refused:
        await engine.launch(SPOT, "c", quiet)
    assert refused.value.hint == advice.format("what is left")


async def test_what_is_left_of_a_preempted_cluster_is_billed(world: World) -> None:
    """Until the last of its nodes has gone, too; then nothing is, and a launch may make it anew."""
    engine = await launched(world, nodes=2)
    give_notice(world, 1)
    await engine.queue("c")
    first, second = (node.node_id for node in world.store.nodes.of("c"))
    for gone, billed in ((second, [Decimal("0.025")]), (first, [])):
        world.account.delete(gone)
        world.clock.advance(3600.0)
        for _ in range(2):
            (record,) = await engine.status(refresh=True)
            assert record.state is ClusterState.PREEMPTED
            assert [span.hourly_cost for span in world.store.spans.going_on()] == billed
    assert record.error is not None
    assert record.error["hint"].startswith("`styx launch -c c` makes it anew")


async def test_a_preempted_cluster_is_made_anew(world: World) -> None:
    """With nothing of the notice on its new machines."""
    engine = await launched(world)
    give_notice(world)
    await engine.queue("c")
    (machine,) = world.machines()
    world.account.delete(machine.id)
    world.runtimes.clear()
    world.clock.advance(3600.0)
    await engine.status(refresh=True)
    await engine.launch(SPOT, "c", quiet)
    record = world.record()
    assert record is not None
    assert (record.state, record.error) == (ClusterState.UP, None)
    assert [node.noticed_at for node in world.store.nodes.of("c")] == [None]


def seen_as(world: World, *nodes: Node, unreachable: tuple[str, ...] = ()) -> tuple[Observation, Papers]:
    """An observation that shows these nodes of the cluster, and the cluster's papers."""
    papers = Papers(tuple(world.store.attempts.of("c")))
    owned = tuple(replace(node, owner=papers.owner) for node in nodes)
    return Observation(papers.scope, world.clock.now(), owned, unreachable=unreachable), papers


@pytest.mark.parametrize(
    ("state", "cause", "preempted"),
    [
        (NodeState.RUNNING, Cause.UNKNOWN, False),
        (NodeState.STOPPED, Cause.UNKNOWN, False),
        (NodeState.TERMINATING, Cause.UNKNOWN, True),
        (NodeState.TERMINATING, Cause.PREEMPTED, True),
        (NodeState.TERMINATING, Cause.USER, False),
        (NodeState.TERMINATING, Cause.SELF, False),
    ],
)
async def test_a_notice_is_evidence_unless_somebody_else_ended_the_node(
    world: World, state: NodeState, cause: Cause, preempted: bool
) -> None:
    """A node that runs has not been taken back yet; one that its user or itself ended was not at all."""
    await launched(world)
    seen, papers = seen_as(world, Node("m", None, state, 0, cause=cause))
    assert sight(seen, papers, noticed=["m"]).preempted is preempted


async def test_a_node_that_may_only_not_be_listed_has_not_been_taken_back(world: World) -> None:
    """Its absence must be proved."""
    await launched(world)
    assert sight(*seen_as(world), noticed=["m"]).preempted
    assert not sight(*seen_as(world), noticed=["m"], settled=False).preempted
    assert not sight(*seen_as(world, unreachable=("a zone",)), noticed=["m"]).preempted
