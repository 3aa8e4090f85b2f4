"""Plugins one of whose answers cannot be shown or added up: nobody else's lines are lost for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from styx.api import Leftover, Node, NodeState, Observation, Owner, Scope
from styx.cli.orphans import report
from styx.spec import Resources, Task
from styx.store.states import ClusterState
from styx.testing.memory.account import MemoryAccount
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, World, quiet


class Nonsense(MemoryCloud):
    """Another cloud, one of whose answers is no answer."""

    # ruff: noqa: D102 - the contract documents its methods

    name = "wrong"
    wrong = ""

    def offers(self, query: Any) -> Any:
        return []

    def scopes(self) -> Any:
        return ["east"] if self.wrong == "scope" else [Scope("east")]

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        owner = Owner(self.services.installation, "gone", "abcd")
        node: Any = Node("m-1", owner, NodeState.RUNNING, hourly_cost=Decimal("0.10"))
        rest: Any = Leftover("disk-1", "disk", owner, Decimal("0.01"))
        if self.wrong == "price of a leftover":
            rest = replace(rest, hourly_cost=0.01)
        if self.wrong == "name of a leftover":
            rest = replace(rest, id={"id": 7})
        if self.wrong == "time without a zone":
            node = replace(node, created_at=datetime(2030, 1, 1))  # noqa: DTZ001
        return Observation(scope, self.services.clock.now(), (node,), (rest,))


@pytest.mark.parametrize("wrong", ["price of a leftover", "name of a leftover", "scope", "time without a zone"])
async def test_the_search_goes_on_without_it(world: World, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """What the others have without a record is shown, and that one was not looked at is said."""
    monkeypatch.setattr(Nonsense, "wrong", wrong)
    await world.engine().launch(HELLO, "c", quiet)
    await world.engine().down("c", quiet, forget=True)
    world.clouds["wrong"] = (Nonsense, MemoryAccount("wrong-account"))
    found = await world.engine().orphans()
    assert "c" in report(found)
    assert any(each.startswith("wrong") for each in found.unseen)


async def test_others_are_refreshed_without_it(world: World) -> None:
    """A node that says nonsense of why it goes keeps no cluster of another cloud from being looked at."""

    class Wrong(MemoryCloud):
        name = "wrong"
        lying = False

        def offers(self, query: Any) -> Any:
            return [replace(each, cloud="wrong") for each in super().offers(query)]

        def observe(self, scope: Scope, owners: Any) -> Observation:
            seen = super().observe(scope, owners)
            if not Wrong.lying:
                return seen
            nodes: Any = tuple(replace(n, state=NodeState.TERMINATING, evidence=7) for n in seen.nodes)  # type: ignore[arg-type]
            return replace(seen, nodes=nodes)

    world.clouds["wrong"] = (Wrong, MemoryAccount("wrong-account"))
    await world.engine().launch(HELLO, "c", quiet)
    await world.engine().launch(Task("w").run("true").resources(Resources(infra="wrong")), "w", quiet)
    for machine in world.machines():
        world.account.delete(machine.id)
    Wrong.lying = True
    await world.engine().status(refresh=True)
    record = world.record("c")
    assert record is not None
    assert record.state is ClusterState.LOST
