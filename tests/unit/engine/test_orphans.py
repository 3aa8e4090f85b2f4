"""What no record stands for: found, taken up again, or removed; and nobody else's."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from styx.api import AuthFailed, Autostop, Billing, ClusterBusy, Idempotency, NodeState, Observation
from styx.engine.orphans import Orphan
from styx.store import Store
from styx.store.states import ClusterState
from styx.testing.memory.account import Machine, MemoryAccount
from support.world import HELLO, Killed, Life, World, quiet

PAIR = HELLO.nodes(2)


def lose_the_database(world: World) -> None:
    """The file is gone; what is beside it, and what runs, is not."""
    world.store.close()
    for path in world.home.glob("state.db*"):
        path.unlink()
    world.store = Store.open(home=world.home, clock=world.clock.now)


async def found(world: World) -> list[Orphan]:
    """What a new client finds."""
    return list((await world.engine().orphans()).orphans)


async def test_nothing_on_record_is_an_orphan(world: World) -> None:
    """Clusters that are up or stopped are not."""
    await world.engine().launch(PAIR, "c", quiet)
    assert await found(world) == []
    await world.engine().stop("c", quiet)
    assert await found(world) == []


@pytest.mark.parametrize("kind", [Idempotency.TOKEN, Idempotency.NAME, Idempotency.SEARCH])
async def test_a_lost_database_is_rebuilt(tmp_path, kind: Idempotency) -> None:  # type: ignore[no-untyped-def]
    """Everything is found by its names and tags with what it costs, is taken up, and works as before."""
    world = World(tmp_path, kind)
    await world.engine().launch(PAIR, "c", quiet)
    job = await world.engine().exec(PAIR, "c", quiet)
    lose_the_database(world)
    assert world.record() is None
    (orphan,) = await found(world)
    assert (orphan.name, len(orphan.nodes), orphan.hourly_cost) == ("c", 2, Decimal("0.20"))
    taken = await world.engine().adopt(orphan)
    assert (taken.state, taken.num_nodes, taken.hourly_cost) == (ClusterState.UP, 2, Decimal("0.20"))
    assert [info.id for info in await world.engine().queue("c")] == [job, 1]
    assert await world.engine().exec(PAIR, "c", quiet) == 3
    assert await found(world) == []
    await world.engine().down("c", quiet)
    assert world.machines() == []


async def test_a_stopped_cluster_is_taken_up_as_stopped(world: World) -> None:
    """And starts again."""
    await world.engine().launch(PAIR, "c", quiet)
    await world.engine().stop("c", quiet)
    lose_the_database(world)
    (orphan,) = await found(world)
    assert (await world.engine().adopt(orphan)).state is ClusterState.STOPPED
    await world.engine().start("c", None, quiet)
    assert [machine.state for machine in world.machines()] == [NodeState.RUNNING] * 2


async def test_taking_up_twice_changes_nothing(world: World) -> None:
    """A client that was killed while it took a cluster up leaves the way open for the next."""
    await world.engine().launch(PAIR, "c", quiet)
    lose_the_database(world)
    (orphan,) = await found(world)
    for _ in range(2):
        assert (await world.engine().adopt(orphan)).state is ClusterState.UP
    (attempt,) = world.store.attempts.of("c")
    assert attempt.receipt is not None


@pytest.mark.parametrize("then", ["down", "status", "launch"])
async def test_taking_up_that_was_cut_short(world: World, then: str) -> None:
    """Killed at any step, the cluster is on record with its machines for whatever comes next, or still an orphan."""
    await world.engine().launch(PAIR, "c", quiet)
    lose_the_database(world)
    (orphan,) = await found(world)
    for number in range(20):
        life = Life(number)
        with suppress(Killed):
            await world.engine(life).adopt(orphan)
        if world.record() is not None:
            break
    if then == "down":
        await world.engine().down("c", quiet)
        assert (world.machines(), world.record()) == ([], None)
    elif then == "status":
        assert [record.state for record in await world.engine().status()] == [ClusterState.UP]
    else:
        assert (await world.engine().launch(PAIR, "c", quiet))[2] is False
    assert await found(world) == []


async def test_a_name_that_is_taken(world: World) -> None:
    """An orphan never takes the place of another cluster; it can still be removed."""
    await world.engine().launch(PAIR, "c", quiet)
    lose_the_database(world)
    await world.engine().launch(HELLO, "c", quiet)
    (orphan,) = await found(world)
    with pytest.raises(ClusterBusy, match="another cluster 'c'"):
        await world.engine().adopt(orphan)
    await world.engine().discard(orphan, quiet)
    record = world.record()
    assert record is not None
    assert [machine.tags["styx-attempt"] for machine in world.machines()] == [record.attempt]
    assert await found(world) == []


async def test_what_is_nobodys_business_is_not_shown(world: World) -> None:
    """Machines of another installation are neither shown nor touched."""
    await world.engine().launch(HELLO, "c", quiet)
    (machine,) = world.machines()
    tags = {**machine.tags, "styx-installation": "other1"}
    foreign = world.account.create(
        lambda _, id_: Machine(id_, machine.place, machine.kind, machine.name, tags, "", 900), [0], "", world.clock
    )[0]
    assert await found(world) == []
    await world.engine().down("c", quiet)
    await world.engine().status(refresh=True)
    assert [machine.id for machine in world.machines()] == [foreign]


async def test_a_forgotten_cluster_is_shown_until_it_is_gone(world: World) -> None:
    """Forgetting drops the record; what is there of it is shown once more as it goes."""
    await world.engine().launch(HELLO, "c", quiet)
    await world.engine().down("c", quiet, forget=True)
    (orphan,) = await found(world)
    assert orphan.given_up
    assert await found(world) == []
    assert world.machines() == []


@pytest.mark.parametrize(("billing", "shown"), [(Billing.NONE, 0), (Billing.FULL, 1)])
async def test_what_is_gone_and_only_listed_is_no_orphan(world: World, billing: Billing, shown: int) -> None:
    """Some providers list machines for an hour after they have gone; as long as they bill they are shown."""
    await world.engine().launch(HELLO, "c", quiet)
    lose_the_database(world)
    cloud, account = world.clouds["memory"]

    def observe(self: Any, *arguments: Any) -> Observation:
        seen: Observation = cloud.observe(self, *arguments)
        return replace(seen, nodes=tuple(replace(n, state=NodeState.TERMINATING, billing=billing) for n in seen.nodes))

    world.clouds["memory"] = (type("Listing", (cloud,), {"observe": observe}), account)
    assert len(await found(world)) == shown


async def test_a_place_that_cannot_be_looked_at_is_named(world: World) -> None:
    """What could not be seen is said rather than passed off as empty."""
    await world.engine().launch(HELLO, "c", quiet)
    world.account.fail_next("observe", AuthFailed("expired"))
    search = await world.engine().orphans()
    (unseen,) = search.unseen
    assert unseen.split(":")[0] in {"memory/east", "memory/west"}  # whichever was asked first


async def test_a_taken_up_cluster_has_what_the_nodes_have(world: World) -> None:
    """Autostop goes on as the nodes mind it; the record does not claim to know."""
    await world.engine().launch(HELLO, "c", quiet, autostop=Autostop(5))
    lose_the_database(world)
    (orphan,) = await found(world)
    taken = await world.engine().adopt(orphan)
    assert taken.autostop is None
    (runtime,) = world.runtimes.values()
    assert runtime.autostop == Autostop(5)


async def test_a_machine_of_a_type_that_is_not_sold_any_more(world: World) -> None:
    """It is taken up with what is known, and removed like any other."""
    await world.engine().launch(HELLO, "c", quiet)
    lose_the_database(world)
    world.account.offers = tuple(replace(offer, instance_type="new") for offer in world.account.offers)
    (orphan,) = await found(world)
    assert orphan.hourly_cost is None
    taken = await world.engine().adopt(orphan)
    assert (taken.state, taken.resources) == (ClusterState.UP, "")
    await world.engine().down("c", quiet)
    assert world.machines() == []


async def test_accounts_of_one_identity_may_see_different_things(world: World) -> None:
    """As own machines do, whoever they are listed for: what only one of them shows is found all the same."""
    for name in ("lab", "office"):
        world.accounts["memory", name] = MemoryAccount("own-machines")
    (world.home / "config.yaml").write_text("clouds: {memory: {accounts: {lab: {}, office: {}}}}\n")
    await world.engine().launch(HELLO, "c", quiet, account="lab")
    await world.engine().launch(HELLO, "d", quiet, account="office")
    lose_the_database(world)
    orphans = {orphan.name: orphan for orphan in await found(world)}
    assert {name: orphan.account for name, orphan in orphans.items()} == {"c": "lab", "d": "office"}


async def test_every_account_is_looked_at(world: World) -> None:
    """Each account has its own orphans; one that stands under two names is looked at once."""
    other = MemoryAccount("other-account")
    world.accounts = {("memory", "prod"): world.account, ("memory", "dev"): other, ("memory", "alias"): other}
    (world.home / "config.yaml").write_text("clouds: {memory: {accounts: {prod: {}, dev: {}, alias: {}}}}\n")
    await world.engine().launch(HELLO, "c", quiet, account="prod")
    await world.engine().launch(HELLO, "d", quiet, account="dev")
    assert await found(world) == []
    lose_the_database(world)
    orphans = {orphan.name: orphan for orphan in await found(world)}
    assert {name: orphan.identity for name, orphan in orphans.items()} == {"c": "memory-account", "d": "other-account"}
    taken = await world.engine().adopt(orphans["d"])
    assert taken.account in {"dev", "alias"}
    await world.engine().down("d", quiet)
    assert world.machines(other) == []
