"""Plugins that answer with what is somebody else's: nothing of it is taken for ours, and nothing is removed for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from styx.api import (
    Idempotency,
    InsufficientCapacity,
    LaunchOutcome,
    LaunchRequest,
    LaunchState,
    NoOffer,
    Observation,
    Owner,
    Prepared,
    Receipt,
    Scope,
    StartRequest,
    StyxError,
)
from styx.store.states import ClusterState
from styx.testing.memory.account import Machine, MemoryAccount
from support.world import HELLO, World, quiet


def swap(world: World, **methods: Any) -> None:
    """From now on the plugin answers so."""
    cloud, account = world.clouds["memory"]
    world.clouds["memory"] = (type("Wrong", (cloud,), methods), account)


async def test_machines_of_another_installation(world: World) -> None:
    """A plugin that lists and removes whatever there is leads to no look at them, and to no removal."""
    await world.engine().launch(HELLO, "c", quiet)
    (machine,) = world.machines()
    foreign = {**machine.tags, "styx-installation": "other1"}
    world.account.create(
        lambda _, id_: Machine(id_, machine.place, machine.kind, machine.name, foreign, "", 900), [0], "", world.clock
    )

    def everything(self: Any, scope: Scope) -> list[Any]:
        known = [(machine, self._identify(machine)) for machine in self.account.machines(scope.name, self._clock)]
        return [(machine, *found) for machine, found in known if found is not None]

    swap(world, _ours=everything, _must_be_ours=lambda self, owner: None)
    assert (await world.engine().orphans()).orphans == ()
    await world.engine().down("c", quiet)
    assert [left.tags["styx-installation"] for left in world.machines()] == ["other1"]


async def test_an_answer_about_another_place(world: World) -> None:
    """It proves neither that what is on record is gone, nor that what is there has no record."""
    await world.engine().launch(HELLO, "c", quiet)
    honest = world.clouds["memory"][0].observe

    def elsewhere(self: Any, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        return replace(honest(self, scope, owners), scope=Scope(scope.name.upper()))

    swap(world, observe=elsewhere)
    found = await world.engine().orphans()
    assert found.orphans == ()
    assert "asked for 'east' it tells of 'EAST'" in found.unseen[0]
    (record,) = await world.engine().status(refresh=True)
    assert record.state is ClusterState.UNKNOWN


async def test_a_machine_that_is_listed_twice(world: World) -> None:
    """Pages overlap while machines come and go: one machine is never two ranks."""
    await world.engine().launch(HELLO.nodes(2), "c", quiet)
    honest = world.clouds["memory"][0].observe

    def overlapping(self: Any, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = honest(self, scope, owners)
        first = replace(seen.nodes[0], rank=None)
        return replace(seen, nodes=(first, first))

    swap(world, observe=overlapping)
    (record,) = await world.engine().status(refresh=True)
    assert record.state is ClusterState.FAILED
    assert len(world.store.nodes.of("c")) == 1


@pytest.mark.parametrize("wrong", ["owner", "scope", "ranks"])
async def test_an_intent_for_something_else(world: World, wrong: str) -> None:
    """It is refused before it is on record, and giving it up removes nothing of the other cluster's."""
    await world.engine().launch(HELLO, "c", quiet)
    other = world.store.attempts.of("c")[0].owner
    honest = world.clouds["memory"][0].prepare
    changes: dict[str, Any] = {"owner": other, "scope": Scope("west"), "ranks": (7,)}

    def mixed_up(self: Any, request: LaunchRequest) -> Prepared:
        return replace(honest(self, request), **{wrong: changes[wrong], "token": "another"})

    def refuse(self: Any, prepared: Prepared) -> Receipt:
        raise InsufficientCapacity("none left")

    swap(world, prepare=mixed_up, launch=refuse)
    with pytest.raises(NoOffer, match=rf"Prepared\.{wrong} is "):
        await world.engine().launch(HELLO, "d", quiet)
    assert len(world.machines()) == 1
    assert world.store.attempts.of("d") == []
    (record,) = await world.engine().status(refresh=True)
    assert (record.name, record.state) == ("c", ClusterState.UP)


async def test_a_start_of_something_else(world: World) -> None:
    """What would be started is another cluster, so nothing is."""
    for name in ("c", "d"):
        await world.engine().launch(HELLO, name, quiet)
        await world.engine().stop(name, quiet)
    other = world.store.attempts.of("c")[0].owner
    honest = world.clouds["memory"][0].prepare_start  # type: ignore[attr-defined]

    def mixed_up(self: Any, request: StartRequest) -> Prepared:
        prepared: Prepared = honest(self, replace(request, owner=other, receipts=()))
        return prepared

    swap(world, prepare_start=mixed_up)
    with pytest.raises(StyxError, match=r"Prepared\.owner is "):
        await world.engine().start("d", None, quiet)
    assert [world.record(name).state for name in ("c", "d")] == [ClusterState.STOPPED] * 2  # type: ignore[union-attr]


async def test_a_receipt_for_another_clusters_machine(tmp_path: Path) -> None:
    """Where the id is all there is, removing the one cluster would remove the other's machine. It shows as nobody's."""
    world = World(tmp_path, Idempotency.NONE)
    await world.engine().launch(HELLO, "c", quiet)
    (first,) = world.machines()
    honest = world.clouds["memory"][0].launch

    def stale(self: Any, prepared: Prepared) -> Receipt:
        return replace(honest(self, prepared), node_ids={0: first.id})

    swap(world, launch=stale)
    with pytest.raises(NoOffer, match=f"the receipt names '{first.id}', which is a machine of cluster 'c'"):
        await world.engine().launch(HELLO, "d", quiet)
    assert first.id in {machine.id for machine in world.machines()}
    shown = [node.id for orphan in (await world.engine().orphans()).orphans for node in orphan.nodes]
    assert set(shown) == {machine.id for machine in world.machines()} - {first.id}


async def test_one_id_in_two_accounts(tmp_path: Path) -> None:
    """Numbers that each account counts for itself hide no machine: that of the other account is shown as nobody's."""
    world = World(tmp_path, Idempotency.NONE)
    other = MemoryAccount("other-account")
    world.accounts = {("memory", "a"): world.account, ("memory", "b"): other}
    (world.home / "config.yaml").write_text("clouds: {memory: {accounts: {a: {}, b: {}}}}\n")
    await world.engine().launch(HELLO, "c", quiet, account="a")
    (machine,) = world.machines()
    other.create(lambda _, id_: Machine(id_, machine.place, machine.kind, "", {}, "", 900), [0], "", world.clock)
    assert [theirs.id for theirs in world.machines(other)] == [machine.id]
    (orphan,) = (await world.engine().orphans()).orphans
    assert (orphan.account, orphan.owner) == ("b", None)


@pytest.mark.parametrize("error", ["out of stock", SystemExit(3), OSError("reset")])
async def test_an_outcome_that_is_no_error_of_the_contract(world: World, error: object) -> None:
    """It takes neither the client down nor leaves anything behind: the launch fails by the plugin's name."""
    cloud = world.clouds["memory"][0]
    honest = cloud.observe

    def failed(self: Any, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = honest(self, scope, owners)
        if not seen.nodes:
            return seen
        assert seen.nodes[0].owner is not None
        outcome = LaunchOutcome("", seen.nodes[0].owner, LaunchState.FAILED, error)  # type: ignore[arg-type]
        return replace(seen, launches=(outcome,))

    swap(world, observe=failed)
    with pytest.raises(StyxError, match=r"LaunchOutcome\.error is "):
        await world.engine().launch(HELLO, "c", quiet)
    world.clouds["memory"] = (cloud, world.clouds["memory"][1])
    await world.engine().status(refresh=True)
    if world.record() is not None:
        await world.engine().down("c", quiet)
    assert world.machines() == []
    assert world.store.attempts.unclosed() == []
