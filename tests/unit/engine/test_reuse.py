"""Launching under a name that is taken removes nothing that may have been in use."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from styx.api import (
    Autostop,
    BackendError,
    BadInput,
    ClusterNotUp,
    Idempotency,
    Leftover,
    NodeState,
    NoOffer,
    Observation,
    OutcomeUnknown,
    Owner,
    Scope,
)
from styx.spec import Resources
from styx.store import Store
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from support.world import HELLO, Killed, Life, Until, World, quiet

PAIR = HELLO.nodes(2)
STOP = Autostop(5)


def leave_a_disk(world: World) -> None:
    """Let the machines of cluster ``c`` go and a disk of theirs stay."""
    record = world.record()
    assert record is not None
    disks = [Leftover("vol-1", "disk", Owner(world.store.installation, record.slug, record.attempt))]
    cloud, account = world.clouds["memory"]
    observe, terminate = cloud.observe, cloud.terminate

    def with_the_disk(self: Any, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        return replace(observe(self, scope, owners), leftovers=tuple(disks) if scope.name == record.scope else ())

    def of_the_disk(self: Any, *arguments: Any) -> None:
        terminate(self, *arguments)
        disks.clear()

    world.clouds["memory"] = (type("Leaving", (cloud,), {"observe": with_the_disk, "terminate": of_the_disk}), account)
    for machine in world.machines():
        world.account.delete(machine.id)


@pytest.mark.parametrize("preempted", [False, True])
async def test_a_disk_that_outlived_the_machines(world: World, preempted: bool) -> None:
    """It is named, and stays until the user says down; then the name is free for a new cluster."""
    await world.engine().launch(PAIR, "c", quiet)
    leave_a_disk(world)
    if preempted:
        world.store.clusters.transition("c", ClusterState.PREEMPTED, reason="taken back")
    with pytest.raises(ClusterNotUp, match="no node is left but disk vol-1, which may hold your files") as caught:
        await world.engine().launch(PAIR, "c", quiet)
    assert caught.value.hint == "`styx down c` removes what is left; then launch again."
    assert "terminate" not in [call.method for call in world.account.calls]
    await world.engine().down("c", quiet)
    assert (await world.engine().launch(PAIR, "c", quiet))[2] is True


async def test_machines_of_a_cluster_that_was_never_up(world: World) -> None:
    """All that ran may hold something, also where setting up failed: a task of another shape does not get its place."""
    world.failures.append(("backend.prepare", BackendError("no python")))
    with pytest.raises(BackendError):
        await world.engine().launch(PAIR, "c", quiet)
    with pytest.raises(BadInput, match="has 2 nodes, the task wants 3") as caught:
        await world.engine().launch(HELLO.nodes(3), "c", quiet)
    assert caught.value.hint is not None
    assert "`styx down c`" in caught.value.hint
    assert len(world.machines()) == 2
    assert (await world.engine().launch(PAIR, "c", quiet))[2] is False
    assert len(world.machines()) == 2


class TestAskedForWhenItWasMade:
    """What a machine is given when it is made is had by every task, or said not to be."""

    async def test_another_image(self, world: World) -> None:
        """It is refused on a cluster that is there, also by exec; the same one is not."""
        await world.engine().launch(HELLO.resources(Resources(image_id="mine")), "c", quiet)
        other = HELLO.resources(Resources(image_id="other"))
        for refused in (world.engine().launch(other, "c", quiet), world.engine().exec(other, "c", quiet)):
            with pytest.raises(BadInput, match="does not fit the task: image mine, wanted other"):
                await refused
        for task in (HELLO, HELLO.resources(Resources(image_id="mine"))):
            assert (await world.engine().launch(task, "c", quiet))[2] is False

    async def test_a_larger_disk(self, world: World) -> None:
        """What the machine came with is enough for who wants no more."""
        await world.engine().launch(HELLO, "c", quiet)
        assert (await world.engine().launch(HELLO.resources(Resources(disk_size=50)), "c", quiet))[2] is False
        with pytest.raises(BadInput, match="disk of the usual size, wanted 51 GiB"):
            await world.engine().launch(HELLO.resources(Resources(disk_size=51)), "c", quiet)

    async def test_a_faster_disk(self, world: World) -> None:
        """A faster one than wanted is enough; the best there is, is the one that is there."""
        await world.engine().launch(HELLO.resources(Resources(disk_tier="medium")), "c", quiet)
        for tier in ("low", "medium", "best"):
            assert (await world.engine().launch(HELLO.resources(Resources(disk_tier=tier)), "c", quiet))[2] is False
        with pytest.raises(BadInput, match="disk of tier medium, wanted high"):
            await world.engine().launch(HELLO.resources(Resources(disk_tier="high")), "c", quiet)
        await world.engine().launch(HELLO, "d", quiet)
        with pytest.raises(BadInput, match="disk of the usual tier, wanted low"):
            await world.engine().launch(HELLO.resources(Resources(disk_tier="low")), "d", quiet)

    async def test_another_identity(self, world: World) -> None:
        """Programs would act as somebody else; who asks for none takes what is there."""
        await world.engine().launch(HELLO.resources(Resources(identity="trainer")), "c", quiet)
        assert (await world.engine().launch(HELLO, "c", quiet))[2] is False
        with pytest.raises(BadInput, match="identity trainer, wanted admin"):
            await world.engine().launch(HELLO.resources(Resources(identity="admin")), "c", quiet)
        await world.engine().launch(HELLO, "d", quiet)
        with pytest.raises(BadInput, match="identity of nobody, wanted trainer"):
            await world.engine().launch(HELLO.resources(Resources(identity="trainer")), "d", quiet)

    async def test_the_provider_is_told(self, world: World) -> None:
        """Tier and identity are in the request that the cloud prepares."""
        await world.engine().launch(HELLO.resources(Resources(disk_tier="high", identity="trainer")), "c", quiet)
        (request,) = [call.arguments[0] for call in world.account.calls if call.method == "prepare"]
        assert (request.disk_tier, request.identity) == ("high", "trainer")

    async def test_more_ports(self, world: World) -> None:
        """They are opened, once."""
        await world.engine().launch(HELLO.resources(Resources(ports=8080)), "c", quiet)
        for _ in range(2):
            await world.engine().launch(HELLO.resources(Resources(ports=[8080, "9000-9001"])), "c", quiet)
        opened = [call.arguments[-1] for call in world.account.calls if call.method == "open_ports"]
        assert opened == [[9000, 9001]]
        assert world.machines()[0].ports == {8080, 9000, 9001}

    async def test_other_labels(self, world: World) -> None:
        """It is said that they are not there."""
        await world.engine().launch(HELLO.resources(Resources(labels={"team": "a", "of": "b"})), "c", quiet)
        told: list[str] = []
        task = HELLO.resources(Resources(labels={"team": "a", "of": "c", "to": "d"}))
        await world.engine().launch(task, "c", lambda _, sentence: told.append(sentence))
        assert "cluster 'c' keeps the labels it was made with: of, to cannot be added" in told

    async def test_a_cluster_that_was_taken_up(self, world: World) -> None:
        """Nobody knows what it was given: it is not refused for that, and ports are opened."""
        await world.engine().launch(HELLO, "c", quiet)
        world.lose_the_database()
        (orphan,) = (await world.engine().orphans()).orphans
        await world.engine().adopt(orphan)
        task = HELLO.resources(Resources(image_id="mine", ports=80, labels={"a": "b"}))
        assert (await world.engine().launch(task, "c", quiet))[2] is False
        assert world.machines()[0].ports == {80}


class TestRestored:
    """A database that was restored from a copy made in the middle of a launch, which has gone on since."""

    async def launched(self, world: World, step: str, **options: Any) -> None:
        """Launch; the database is then what it was before that step."""
        copy = world.home.with_name("copy")

        class Copying(Life):
            def step(self, name: str) -> None:
                super().step(name)
                if name == step and not copy.exists():
                    shutil.copytree(world.home, copy)

        await world.engine(Copying()).launch(PAIR, "c", quiet, **options)
        world.store.close()
        for path in world.home.glob("state.db*"):
            path.unlink()
        for path in copy.glob("state.db*"):
            shutil.copy(path, world.home)
        world.store = Store.open(home=world.home, clock=world.clock.now)
        world.store.clusters.modify("c", lambda _: {})
        record = world.record()
        assert record is not None
        assert record.launched_at is None
        world.clock.advance(120.0)

    @pytest.mark.parametrize("step", ["before memory.launch", "before backend.prepare"])
    async def test_a_task_of_another_shape(self, world: World, step: str) -> None:
        """It is refused, with what removes the machines; they go on."""
        await self.launched(world, step)
        for task in (HELLO.nodes(3), PAIR.resources(Resources().gpu("A100", 1))):
            with pytest.raises(BadInput, match="'c'") as caught:
                await world.engine().launch(task, "c", quiet)
            assert caught.value.hint is not None
            assert caught.value.hint.endswith("`styx down c` removes the one that is there.")
        assert len(world.machines()) == 2
        await world.engine().launch(PAIR, "c", quiet)
        assert len(world.machines()) == 2
        await world.engine().down("c", quiet)
        assert world.machines() == []

    async def test_no_money_for_it_any_more(self, world: World) -> None:
        """Nor is it removed because others have spent the budget since, even if nobody can tell that it was set up."""
        await self.launched(world, "before memory.launch")
        world.runtimes.clear()
        (world.home / "config.yaml").write_text("budget: {max_hourly_cost: 0.01}\n")
        with pytest.raises(NoOffer, match="more than the budget") as caught:
            await world.engine().launch(PAIR, "c", quiet)
        assert caught.value.hint is not None
        assert "`styx down c`" in caught.value.hint
        assert len(world.machines()) == 2

    @pytest.mark.parametrize("lost", [0, 1])
    @pytest.mark.parametrize("step", ["before memory.launch", "before backend.prepare"])
    async def test_a_node_that_is_gone(self, world: World, step: str, lost: int) -> None:
        """The other one stays until the user says down: it was set up, and may hold the only copy of something."""
        await self.launched(world, step)
        world.account.delete(world.machines()[lost].id)
        for _ in range(2):
            with pytest.raises(ClusterNotUp, match="of cluster 'c', 1 of 2 nodes are left, and they may hold your"):
                await world.engine().launch(PAIR, "c", quiet)
            assert len(world.machines()) == 1
        await world.engine().down("c", quiet)
        assert world.machines() == []

    @pytest.mark.parametrize("step", ["before memory.launch", "before backend.prepare"])
    async def test_machines_that_have_stopped_themselves(self, world: World, step: str) -> None:
        """They are started again."""
        await self.launched(world, step, autostop=STOP)
        ids = [machine.id for machine in world.machines()]
        for id_ in ids:
            world.account.stop(id_)
        await world.engine().launch(PAIR, "c", quiet)
        assert [machine.id for machine in world.machines()] == ids
        assert [machine.state for machine in world.machines()] == [NodeState.RUNNING] * 2


async def test_machines_that_vanished_while_they_were_set_up(world: World) -> None:
    """A client was killed there; others are made for the next launch."""
    with suppress(Killed):
        await world.engine(Until("before backend.prepare")).launch(HELLO, "c", quiet)
    for machine in world.machines():
        world.account.delete(machine.id)
    assert (await world.engine().launch(PAIR, "c", quiet))[2] is True
    assert len(world.machines()) == 2


async def test_an_interrupted_launch_of_which_nothing_came(world: World) -> None:
    """Its name can be had by a task of another shape."""
    with suppress(Killed):
        await world.engine(Until("before memory.launch")).launch(HELLO, "c", quiet)
    assert world.machines() == []
    (attempt,) = world.store.attempts.of("c")
    assert attempt.state is AttemptState.OPEN
    assert (await world.engine().launch(PAIR, "c", quiet))[2] is True
    assert len(world.machines()) == 2


@pytest.mark.parametrize("kind", [Idempotency.TOKEN, Idempotency.SEARCH])
async def test_killed_after_a_lost_answer_was_settled(new_world: Callable[..., World], kind: Idempotency) -> None:
    """At any step: the next launch goes on, without anybody looking at the cluster in between."""
    for number in range(200):
        world = new_world(kind)
        world.account.fail_next("launch", OutcomeUnknown("no answer"), after=True)
        life = Life(number)
        with suppress(Killed):
            await world.engine(life).launch(PAIR, "c", quiet)
        if not life.over:
            assert number > 5
            return
        await world.engine().launch(PAIR, "c", quiet)
        record = world.record()
        assert record is not None
        assert record.state is ClusterState.UP, life.steps[-1]
        assert len(world.machines()) == 2
    raise AssertionError("it never came to its end")
