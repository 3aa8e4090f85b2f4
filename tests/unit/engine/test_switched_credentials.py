"""Credentials that are switched under a process that lives long: nothing is believed gone that somebody else saw."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from styx.api import ClusterBusy, Identity, InsufficientCapacity, Observation, Owner, Scope, WrongAccount
from styx.store.states import ClusterState
from styx.testing.memory.account import MemoryAccount
from support.world import HELLO, World, quiet


class Switching:
    """Answers who it is in turn, and shows nothing of the first one's."""

    def __init__(self, *names: str) -> None:
        self._names = itertools.cycle(names)

    def methods(self) -> dict[str, Any]:
        """What the plugin does from now on."""

        def observe(cloud: Any, scope: Scope, owners: Collection[Owner] | None) -> Observation:
            return Observation(scope, cloud.services.clock.now())

        return {
            "check": lambda cloud: Identity(next(self._names)),
            "observe": observe,
            "terminate": lambda *_: None,
        }


@pytest.mark.parametrize("command", ["down", "status"])
async def test_somebody_else_looked(world: World, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """The record of a cluster whose removal is under way stays, and so does what stands for its machines."""
    for module in ("removal", "reconcile"):
        monkeypatch.setattr(f"styx.engine.{module}.ABSENCE_SECONDS", -1.0)
    await world.engine().launch(HELLO, "c", quiet)
    world.store.clusters.transition("c", ClusterState.TERMINATING)
    cloud, market = world.clouds["memory"]
    world.clouds["memory"] = (type("Switched", (cloud,), Switching("memory-account", "other").methods()), market)
    engine = world.engine()
    if command == "down":
        with pytest.raises(WrongAccount):
            await engine.down("c", quiet)
    else:
        (record,) = await engine.status(refresh=True)
        assert record.state is ClusterState.UNKNOWN
    assert world.record() is not None
    assert len(world.store.attempts.unclosed()) == 1
    world.clouds["memory"] = (cloud, market)
    await world.engine().down("c", quiet)
    assert world.machines() == []


async def test_while_a_patient_launch_waits(world: World) -> None:
    """What is made as somebody else is on record as theirs: who sees nothing as the first has proved nothing."""
    first, second = world.account, MemoryAccount("other-account")
    for offer in first.offers:
        first.fail_next("launch", InsufficientCapacity("none left", scope=offer.scope.name))
    engine, sleep = world.engine(), world.clock.sleep
    cloud: Any = engine.context.clouds.get("memory").cloud

    async def switch(seconds: float) -> None:
        cloud.account = second
        await sleep(seconds)

    world.clock.sleep = switch  # type: ignore[method-assign]
    await engine.launch(HELLO, "c", quiet, retry_until_up=True)
    assert (len(world.machines(first)), len(world.machines(second))) == (0, 1)
    record = world.record()
    assert record is not None
    assert record.identity == "other-account"


async def test_a_machine_of_an_attempt_in_another_account(world: World) -> None:
    """What bills in another account than the one on record is shown, and is not taken up as the one on record."""
    await world.engine().launch(HELLO, "c", quiet)
    (machine,) = world.machines()
    other = MemoryAccount("other-account")
    world.accounts = {("memory", "a"): world.account, ("memory", "b"): other}
    other.create(lambda _, id_: replace(machine, id="m-99"), [0], "", world.clock)
    (world.home / "config.yaml").write_text("clouds: {memory: {accounts: {a: {}, b: {}}}}\n")
    engine = world.engine()
    (orphan,) = (await engine.orphans()).orphans
    assert (orphan.identity, [node.id for node in orphan.nodes]) == ("other-account", ["m-99"])
    with pytest.raises(ClusterBusy, match="there is another cluster 'c' on record"):
        await engine.adopt(orphan)
    assert len(world.store.attempts.of("c")) == 1
