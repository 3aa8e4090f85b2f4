"""Credentials that are switched under a process that lives long: nothing is believed gone that somebody else saw."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

import pytest

from styx.api import Identity, Observation, Owner, Scope, WrongAccount
from styx.store.states import ClusterState
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
