"""Several accounts of one cloud at once, and an account that has become somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from styx.api import AuthFailed, BadInput, InvalidConfig, NoOffer, Services, Transient, WrongAccount
from styx.engine import account as accounts
from styx.engine.engine import Engine
from styx.store.states import ClusterState
from styx.testing.memory.account import MemoryAccount
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, Resources, World, quiet

SETTINGS = """
clouds:
  memory:
    region: east
    accounts: {prod: {key: a}, dev: {key: b, region: west}}
"""


@pytest.fixture
def two(new_world: Callable[..., World]) -> World:
    """A cloud with the accounts prod and dev, of which dev is cheaper by a cent."""
    world = new_world()
    world.home.mkdir(exist_ok=True)
    (world.home / "config.yaml").write_text(SETTINGS)
    for name, less in (("prod", "0"), ("dev", "0.01")):
        account = MemoryAccount(f"identity-of-{name}")
        account.offers = tuple(
            replace(offer, hourly_price=(offer.hourly_price or Decimal(0)) - Decimal(less)) for offer in account.offers
        )
        world.accounts["memory", name] = account
    return world


def switch(world: World) -> None:
    """Let the only account have other credentials, which see other machines: none."""
    world.accounts["memory", "default"] = MemoryAccount("somebody else")


# -- several at once


async def test_every_account_is_asked_and_the_cheapest_taken(two: World) -> None:
    """Offers of all accounts compete; the choice carries its account, and so do the record and the attempt."""
    engine = two.engine()
    found = await engine.plan(HELLO, quiet)
    assert {choice.account for choice in found.choices} == {"prod", "dev"}
    assert (found.choices[0].account, found.choices[0].source) == ("dev", "memory (dev)")
    await engine.launch(HELLO, "c", quiet)
    record = two.record()
    assert record is not None
    assert (record.account, record.identity) == ("dev", "identity-of-dev")
    assert [(a.account, a.identity) for a in two.store.attempts.of("c")] == [("dev", "identity-of-dev")]
    assert len(two.machines(two.accounts["memory", "dev"])) == 1
    assert two.machines(two.accounts["memory", "prod"]) == []


async def test_an_account_can_be_asked_for(two: World) -> None:
    """Then nothing is made on any other, and nobody else is even asked."""
    engine = two.engine()
    await engine.launch(HELLO, "c", quiet, account="prod")
    assert [record.account for record in two.store.clusters.list()] == ["prod"]
    assert two.accounts["memory", "dev"].calls == []
    found = await engine.plan(HELLO, quiet, account="dev")
    assert {choice.account for choice in found.choices} == {"dev"}


async def test_an_account_that_is_not_there(two: World) -> None:
    """The error knows what was probably meant, and nothing is made."""
    with pytest.raises(BadInput, match="no account 'prodd' of memory") as refused:
        await two.engine().launch(HELLO, "c", quiet, account="prodd")
    assert refused.value.hint == "Did you mean 'prod'?"
    assert two.record() is None


async def test_an_account_is_looked_for_on_every_cloud_that_may_be_used(two: World) -> None:
    """One that only another cloud has is that one's; with a cloud named it is an error."""
    two.clouds["other"] = (type("Other", (MemoryCloud,), {"name": "other"}), MemoryAccount("other-account"))
    account = two.clouds["other"][1]
    account.offers = tuple(replace(offer, cloud="other") for offer in account.offers)
    engine = two.engine()
    assert {choice.offer.cloud for choice in (await engine.plan(HELLO, quiet, account="default")).choices} == {"other"}
    with pytest.raises(BadInput, match="no account 'default' of memory"):
        await engine.plan(HELLO.resources(Resources(infra="memory")), quiet, account="default")


async def test_each_account_has_its_own_surroundings(two: World) -> None:
    """Its name, its settings laid over those of the cloud, a directory and an object of its own."""
    clouds = two.engine().context.clouds
    prod, dev = (clouds.services("cloud", "memory", name) for name in ("prod", "dev"))
    assert (prod.account, prod.config) == ("prod", {"region": "east", "key": "a"})
    assert (dev.account, dev.config) == ("dev", {"region": "west", "key": "b"})
    assert prod.state_dir != dev.state_dir
    assert (prod.state_dir.stat().st_mode & 0o777, dev.state_dir.is_dir()) == (0o700, True)
    assert clouds.get("memory", "prod").cloud is not clouds.get("memory", "dev").cloud
    assert clouds.get("memory", "prod") is clouds.get("memory", "prod")


async def test_one_account_that_fails_does_not_keep_the_other_from_being_used(two: World) -> None:
    """Bad credentials block one account, not its cloud: the launch goes on with the next."""
    two.accounts["memory", "dev"].fail_next("launch", AuthFailed("the key has expired"))
    await two.engine().launch(HELLO, "c", quiet)
    assert [record.account for record in two.store.clusters.list()] == ["prod"]
    assert any("memory/east/east-a (dev): the key has expired" in reason for reason in two.reasons())


async def test_why_nothing_fits_is_told_account_by_account(two: World) -> None:
    """One that cannot be asked has its own reason beside what the other has to offer."""
    for _ in range(2):
        two.accounts["memory", "dev"].fail_next("offers", AuthFailed("the key has expired"))
    with pytest.raises(NoOffer) as refused:
        await two.engine().launch(HELLO.override({"accelerators": "H100:1"}), "c", quiet)
    assert refused.value.reasons["memory (dev)"] == "the key has expired"
    assert refused.value.reasons["memory (prod)"].startswith("gpu: 1x A100")


async def test_a_cluster_stays_on_its_account(two: World) -> None:
    """A launch on it from another account is refused, also when it is up and nothing would be made."""
    engine = two.engine()
    await engine.launch(HELLO, "c", quiet, account="prod")
    for fast in (False, True):
        with pytest.raises(BadInput, match=r"cluster 'c' is on memory \(prod\), not on account 'dev'"):
            await engine.launch(HELLO, "c", quiet, account="dev", fast=fast)
    assert await engine.launch(HELLO, "c", quiet) == ("c", 2, False)
    await engine.stop("c", quiet)
    with pytest.raises(BadInput, match="not on account 'dev'"):
        await engine.launch(HELLO, "c", quiet, account="dev")


async def test_clusters_on_two_accounts_live_side_by_side(two: World) -> None:
    """Each is stopped, started and removed where it is."""
    engine = two.engine()
    for name in ("prod", "dev"):
        await engine.launch(HELLO, name, quiet, account=name)
    await engine.stop("dev", quiet)
    await engine.down("prod", quiet)
    assert two.machines(two.accounts["memory", "prod"]) == []
    await engine.start("dev", None, quiet)
    assert [(r.name, r.state) for r in await engine.status(refresh=True)] == [("dev", ClusterState.UP)]


async def test_an_account_that_is_gone_from_the_settings(two: World) -> None:
    """What was made on it is unknown, with the reason, and not lost."""
    await two.engine().launch(HELLO, "c", quiet, account="dev")
    (two.home / "config.yaml").write_text("clouds: {memory: {accounts: {prod: {}, debug: {}}}}")
    (record,) = await two.engine().status(refresh=True)
    assert record.state is ClusterState.UNKNOWN
    assert "cloud 'memory' has no account 'dev'" in (record.error or {})["message"]
    with pytest.raises(BadInput, match="has no account 'dev'"):
        await two.engine().down("c", quiet)


async def test_an_account_that_was_renamed(two: World) -> None:
    """What to do names it as it is called at present, also when that is not the first time."""
    await two.engine().launch(HELLO, "c", quiet, account="dev")
    for name in ("lab", "office"):
        two.accounts["memory", name] = two.accounts["memory", "dev"]
        (two.home / "config.yaml").write_text(f"clouds: {{memory: {{accounts: {{prod: {{}}, {name}: {{}}}}}}}}")
        (record,) = await two.engine().status(refresh=True)
        assert (record.error or {})["hint"] == (
            f"That account is called {name!r} now: call it 'dev' again in config.yaml."
        )
        with pytest.raises(BadInput) as refused:
            two.engine().context.clouds.get("memory", "dev")
        assert refused.value.hint == f"There are: prod, {name}. One that was renamed needs its old name again."
    (two.home / "config.yaml").write_text(SETTINGS)
    (record,) = await two.engine().status(refresh=True)
    assert (record.state, record.error) == (ClusterState.UP, None)


async def test_clusters_from_before_accounts_had_names(world: World) -> None:
    """They are on the default account, which can be named among the others, and then they are there again."""
    await world.engine().launch(HELLO, "c", quiet)
    (world.home / "config.yaml").write_text("clouds: {memory: {accounts: {prod: {}}}}")
    with pytest.raises(BadInput, match="has no account 'default'") as refused:
        await world.engine().stop("c", quiet)
    assert "clouds.memory.accounts" in (refused.value.hint or "")
    (world.home / "config.yaml").write_text("clouds: {memory: {accounts: {prod: {}, default: {}}}}")
    await world.engine().stop("c", quiet)


class Picky(MemoryCloud):
    """A cloud whose settings are wrong."""

    wrong = "keey"

    def __init__(self, services: Services) -> None:
        field = f"clouds.memory.{self.wrong}"
        raise InvalidConfig(f"settings: {field}: unknown key", field=field)


@pytest.mark.parametrize(("wrong", "where"), [("region", ""), ("key", "accounts.dev."), ("missing", "accounts.dev.")])
async def test_a_mistake_is_named_where_it_is_written(two: World, wrong: str, where: str) -> None:
    """What an account has from its cloud is wrong there; what it has of its own, or lacks, is wrong in its section."""
    (two.home / "config.yaml").write_text("clouds: {memory: {region: 1, accounts: {dev: {key: 1}}}}")
    two.clouds["memory"] = (type("Picky", (Picky,), {"wrong": wrong}), two.account)
    with pytest.raises(InvalidConfig) as refused:
        two.engine().context.clouds.get("memory", "dev")
    assert refused.value.field == f"clouds.memory.{where}{wrong}"
    assert f"settings: clouds.memory.{where}{wrong}: unknown key" in refused.value.message


# -- an account that has become somebody else's


async def made(world: World, *, stopped: bool = False) -> Engine:
    """A cluster, and then other credentials under the name of its account; another client."""
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    if stopped:
        await engine.stop("c", quiet)
    switch(world)
    return world.engine()


OPERATIONS: dict[str, tuple[bool, Callable[[Engine], object]]] = {
    "down": (False, lambda engine: engine.down("c", quiet)),
    "down of a stopped one": (True, lambda engine: engine.down("c", quiet)),
    "stop": (False, lambda engine: engine.stop("c", quiet)),
    "start": (True, lambda engine: engine.start("c", None, quiet)),
    "launch": (False, lambda engine: engine.launch(HELLO, "c", quiet)),
    "launch on a stopped one": (True, lambda engine: engine.launch(HELLO, "c", quiet)),
}


@pytest.mark.parametrize("seen", [False, True], ids=["at once", "after a status"])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_other_credentials_change_nothing(world: World, operation: str, seen: bool) -> None:
    """Every operation is WrongAccount, names both, asks the stranger for nothing but who it is, and ends no job."""
    stopped, operate = OPERATIONS[operation]
    engine = await made(world, stopped=stopped)
    if seen:
        await engine.status(refresh=True)
    world.accounts["memory", "default"].calls.clear()
    machines, record, (runtime,) = world.machines(), world.record(), world.runtimes.values()
    alive = runtime.alive
    with pytest.raises(WrongAccount, match="'memory' is now used as 'somebody else', but this was made as") as refused:
        await operate(engine)  # type: ignore[misc]
    assert (refused.value.expected, refused.value.found) == (world.account.name, "somebody else")
    assert {call.method for call in world.accounts["memory", "default"].calls} <= {"check"}
    assert world.machines() == machines
    assert record is not None
    assert [(each.state, each.hourly_cost) for each in world.store.clusters.list()] == [
        (record.state, record.hourly_cost)
    ]
    assert runtime.alive is alive


@pytest.mark.parametrize("stopped", [False, True])
async def test_other_credentials_see_no_empty_cloud(world: World, stopped: bool) -> None:
    """In status the cluster is unknown, says why, and its last known cost stays; back again, it is what it was."""
    engine = await made(world, stopped=stopped)
    (record,) = await engine.status(refresh=True)
    assert record.state is ClusterState.UNKNOWN
    assert "is now used as 'somebody else'" in (record.error or {})["message"]
    assert record.hourly_cost == Decimal("0.10")
    del world.accounts["memory", "default"]
    (record,) = await world.engine().status(refresh=True)
    assert record.state is (ClusterState.STOPPED if stopped else ClusterState.UP)
    assert record.error is None


async def test_tombstones_are_not_buried_by_others(world: World) -> None:
    """What was given up stays a tombstone until the credentials it was made with have seen that nothing is left."""
    await world.engine().launch(HELLO, "c", quiet)
    await world.engine().down("c", quiet, forget=True)
    switch(world)
    await world.engine().status(refresh=True)
    assert len(world.store.attempts.tombstones()) == len(world.machines()) == 1
    assert {call.method for call in world.accounts["memory", "default"].calls} <= {"check", "observe"}
    del world.accounts["memory", "default"]
    await world.engine().status(refresh=True)
    assert world.store.attempts.tombstones() == world.machines() == []


class Turncoat(MemoryCloud):
    """A cloud whose credentials become somebody else's right after something was removed with them."""

    def terminate(self, *args: Any) -> None:
        """Remove it, and be somebody else."""
        super().terminate(*args)
        self.account.name = "somebody else"


async def test_a_removal_is_believed_to_who_began_it_only(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That nothing is left has to be seen with the same credentials: what others do not see may still be there."""
    monkeypatch.setattr(accounts, "IDENTITY_SECONDS", -1.0)
    world = new_world(Turncoat)
    await world.engine().launch(HELLO, "c", quiet)
    with pytest.raises(WrongAccount):
        await world.engine().down("c", quiet)
    assert [record.state for record in world.store.clusters.list()] == [ClusterState.TERMINATING]
    assert len(world.store.attempts.tombstones()) == 1


async def test_credentials_that_change_under_a_long_process_are_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We are not believed to be for ever who we were: after a while the provider is asked again, by one for all."""
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    world.account.name = "somebody else"
    assert (await engine.status(refresh=True))[0].state is ClusterState.UP
    monkeypatch.setattr(accounts, "IDENTITY_SECONDS", -1.0)
    assert (await engine.status(refresh=True))[0].state is ClusterState.UNKNOWN


async def test_who_we_are_is_asked_again_after_a_failure(world: World) -> None:
    """An answer that did not come is not remembered."""
    account = world.engine().context.clouds.get("memory")
    for _ in range(accounts.TRANSIENT_TRIES):
        world.account.fail_next("check", Transient("no network"))
    with pytest.raises(Transient):
        await account.identity()
    assert (await account.identity()).account == world.account.name


async def test_what_was_given_up_under_a_name_that_is_no_more(world: World) -> None:
    """It is removed by the account's present name, as long as that is the same account."""
    world.accounts = {("memory", "a"): world.account, ("memory", "b"): world.account}
    config = world.home / "config.yaml"
    config.write_text("clouds: {memory: {accounts: {a: {}}}}\n")
    await world.engine().launch(HELLO, "c", quiet, account="a")
    await world.engine().down("c", quiet, forget=True)
    config.write_text("clouds: {memory: {accounts: {b: {}}}}\n")
    await world.engine().status(refresh=True)
    world.clock.advance(1000)
    await world.engine().status(refresh=True)
    assert world.machines() == []
    assert world.store.attempts.tombstones() == []
