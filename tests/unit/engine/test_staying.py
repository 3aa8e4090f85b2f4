"""Machines that go while they are set up, which is noticed by the provider's list and not by their silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from styx.api import ClusterNotUp, Transient
from styx.engine import staying
from styx.engine.engine import Engine
from styx.store.states import ClusterState
from support.bazaar_world import NewBazaar
from support.world import HELLO, World, quiet


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staying, "LOOK_SECONDS", 0.0)


def in_prepare(engine: Engine, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> list[str]:
    """Let this happen as the machines are waited for, which never answer; how the wait for them ended."""
    ends: list[str] = []

    async def waiting(handle: object) -> None:
        happens()
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("given up")

    monkeypatch.setattr(engine.context.backend, "prepare", waiting)
    return ends


async def test_machines_that_are_taken_back_while_they_are_set_up(
    new_bazaar: NewBazaar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launch ends with what the provider says, and the next one makes others."""
    world = new_bazaar("interrupts")
    engine = world.engine()

    def taken_back() -> None:
        for id_ in world.known_nodes():
            world.market.interrupt(id_)
        world.clock.advance(40.0)

    ends = in_prepare(engine, monkeypatch, taken_back)
    with pytest.raises(ClusterNotUp, match="cluster 'c' is preempted, not up: the provider took"):
        await engine.launch(HELLO, "c", quiet)
    record = world.record()
    assert record is not None
    assert (record.state, ends) == (ClusterState.PREEMPTED, ["given up"])
    await world.engine().launch(HELLO, "c", quiet)
    assert world.is_up()


async def test_machines_that_vanish_while_they_are_set_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without evidence they are lost, and cost nothing any more."""
    engine = world.engine()

    def vanish() -> None:
        for machine in world.machines():
            world.account.delete(machine.id)
        world.clock.advance(3600.0)  # listings may lag behind

    in_prepare(engine, monkeypatch, vanish)
    with pytest.raises(ClusterNotUp, match="cluster 'c' is lost, not up: the nodes vanished"):
        await engine.launch(HELLO, "c", quiet)
    assert world.store.spans.going_on() == []


async def test_machines_that_are_there_are_not_disturbed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is looked, and whatever the provider cannot say."""
    engine = world.engine()
    real = engine.context.backend.prepare

    async def slow(handle: Any) -> None:
        world.account.fail_next("observe", Transient("busy"))
        enough = len(world.account.calls) + 9
        while len(world.account.calls) < enough:
            await world.clock.sleep(0)
        await real(handle)

    monkeypatch.setattr(engine.context.backend, "prepare", slow)
    await engine.launch(HELLO, "c", quiet)
    record = world.record()
    assert record is not None
    assert record.state is ClusterState.UP
