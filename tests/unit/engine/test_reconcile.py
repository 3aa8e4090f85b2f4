"""What a look leaves of what was known before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from styx.api import Observation, Owner, PermissionDenied, Scope
from styx.store.states import ClusterState
from support.world import HELLO, World, quiet


async def test_a_node_that_cannot_be_seen_keeps_its_host_key(world: World) -> None:
    """Else whoever answers at its address when it is seen again would be trusted as if it were new."""
    await world.engine().launch(HELLO.nodes(2), "c", quiet)
    for rank in (0, 1):
        world.store.nodes.pin("c", rank, f"ssh-ed25519 key-{rank}")
    cloud, account = world.clouds["memory"]
    honest = cloud.observe

    def half_blind(self: Any, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = honest(self, scope, owners)
        return replace(seen, nodes=seen.nodes[:1], unreachable=("zone b",))

    world.clouds["memory"] = (type("Wrong", (cloud,), {"observe": half_blind}), account)
    (record,) = await world.engine().status(refresh=True)
    assert record.state is ClusterState.UNKNOWN
    world.clouds["memory"] = (cloud, account)
    (record,) = await world.engine().status(refresh=True)
    assert record.state is ClusterState.UP
    assert [node.host_key for node in world.store.nodes.of("c")] == ["ssh-ed25519 key-0", "ssh-ed25519 key-1"]


async def test_why_it_is_unknown_may_change(world: World) -> None:
    """The reason on record is that of the last look, with what helps: to look again when it can be seen."""
    await world.engine().launch(HELLO, "c", quiet)
    cloud, account = world.clouds["memory"]
    for reason in ("no route", "no answer"):

        def blind(self: Any, scope: Scope, owners: Collection[Owner] | None, why: str = reason) -> Observation:
            raise PermissionDenied(why, action="list")

        world.clouds["memory"] = (type("Blind", (cloud,), {"observe": blind}), account)
        (record,) = await world.engine().status(refresh=True)
        assert record.error == {
            "code": "cluster_not_up", "message": reason, "hint": "`styx status -r c` looks again.",
        }  # fmt: skip
