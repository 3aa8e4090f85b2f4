"""Receipts that are wrong in one thing: what names a machine counts all the same, and nothing of somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest

from styx.api import Idempotency, Prepared, Receipt, StyxError
from styx.engine import answers
from support.world import HELLO, World, quiet


def answer(world: World, change: Callable[[Receipt], Any]) -> None:
    """From now on the plugin answers so to a launch."""
    cloud, account = world.clouds["memory"]
    honest = cloud.launch

    def launch(self: Any, prepared: Prepared) -> Any:
        return change(cast("Receipt", honest(self, prepared)))

    world.clouds["memory"] = (type("Wrong", (cloud,), {"launch": launch}), account)


WRONG: dict[str, Callable[[Receipt], Any]] = {
    "a float for a price": lambda good: replace(good, hourly_cost=cast("Any", 0.25)),
    "another rank": lambda good: replace(good, node_ids={**good.node_ids, cast("Any", "1"): "x"}),
    "a rank that is text": lambda good: replace(good, node_ids={cast("Any", "0"): good.node_ids[0]}),
    "no name beside it": lambda good: replace(good, node_ids={**good.node_ids, 1: cast("Any", None)}),
    "what cannot be stored": lambda good: replace(good, data=cast("Any", {"zone": object()})),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_the_ids_in_it_count_all_the_same(new_world: Callable[..., World], wrong: str) -> None:
    """They may be all that tells whose the machines are: these go, and the plugin is named."""
    world = new_world(Idempotency.NONE)
    answer(world, WRONG[wrong])
    with pytest.raises(StyxError, match="plugin 'memory' failed in launch"):
        await world.engine().launch(HELLO, "c", quiet)
    assert world.machines() == []


async def test_a_machine_under_another_name_of_the_account(new_world: Callable[..., World]) -> None:
    """Two names of one account have the same machines: what is on record under the one is not the other's."""
    world = new_world(Idempotency.NONE)
    world.accounts = {("memory", "a"): world.account, ("memory", "b"): world.account}
    (world.home / "config.yaml").write_text("clouds: {memory: {accounts: {a: {}, b: {}}}}\n")
    await world.engine().launch(HELLO, "c", quiet, account="a")
    (first,) = world.machines()
    answer(world, lambda good: replace(good, node_ids={0: first.id}))
    with pytest.raises(StyxError, match="which is a machine of cluster 'c'"):
        await world.engine().launch(HELLO, "d", quiet, account="b")
    assert first.id in {machine.id for machine in world.machines()}


async def test_what_is_new_beside_what_is_somebody_elses(new_world: Callable[..., World]) -> None:
    """The one is removed with the launch, the other stays where it is."""
    world = new_world(Idempotency.NONE)
    await world.engine().launch(HELLO, "c", quiet)
    (first,) = world.machines()
    answer(world, lambda good: replace(good, node_ids={**good.node_ids, 1: first.id}))
    with pytest.raises(StyxError, match="which is a machine of cluster 'c'"):
        await world.engine().launch(HELLO, "d", quiet)
    assert world.machines() == [first]


def test_what_names_machines() -> None:
    """Ranks that are numbers stay, others are given a free one; what is no id, or no answer at all, names nothing."""
    ids: Any = {"0": "m-0", 0: "m-1", None: 7, 2: "", 3: None, True: False}
    wrong = Receipt("t", ids, Decimal("NaN"), cast("Any", {"zone": "a", "size": 3}))
    assert answers.named(wrong, "u") == Receipt("u", {0: "m-1", 1: "m-0", 2: "7"}, data={"zone": "a"})
    nothing: list[Any] = [None, "m-1", Receipt("t", {}), Receipt("t", cast("Any", ["m-1"]))]
    assert [answers.named(each, "u") for each in nothing] == [None] * len(nothing)
