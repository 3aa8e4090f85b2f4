"""Ceilings on what runs: nothing is made that passes them, not even by two who launch at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from styx.api import InsufficientCapacity, InvalidConfig, NoOffer
from styx.engine import budget
from styx.engine.budget import Addition, Ceiling, Counted, too_much
from styx.store import schema
from styx.store.records import Span
from styx.store.rows import all_columns
from styx.store.spans import Billed
from styx.store.states import ClusterState
from styx.testing.memory.account import MemoryAccount
from support.records import NOW, relaxed
from support.world import HELLO, Killed, Life, Resources, World, quiet

SMALL = Decimal("0.10")  # what one node in the east costs an hour


def limited(world: World, settings: str) -> World:
    """The world with these settings."""
    world.home.mkdir(exist_ok=True)
    (world.home / "config.yaml").write_text(settings)
    return world


def unpriced(world: World) -> None:
    """Let nobody know what anything costs."""
    world.account.offers = tuple(replace(offer, hourly_price=None) for offer in world.account.offers)


async def test_a_launch_within_the_budget(world: World) -> None:
    """What comes to the ceiling exactly is within it; the next is refused with the sum, and nothing is made."""
    limited(world, "budget: {max_hourly_cost: 0.20}")
    engine = world.engine()
    for name in ("a", "b"):
        await engine.launch(HELLO, name, quiet)
    calls = len(world.account.calls)
    with pytest.raises(NoOffer) as refused:
        await engine.launch(HELLO, "c", quiet)
    assert refused.value.message == (
        "nothing was made: small on memory/east/east-a: with the $0.20/h of 2 clusters that run its $0.10/h make "
        "$0.30/h, and the budget is $0.20/h"
    )
    assert "styx config list" in (refused.value.hint or "")
    assert world.record() is None
    assert {call.method for call in world.account.calls[calls:]} == {"offers"}
    await engine.down("a", quiet)
    await engine.launch(HELLO, "c", quiet)


async def test_what_cannot_be_seen_counts(world: World) -> None:
    """A cluster that is unknown has its last known cost; one that is stopped costs its disks, if that is known."""
    limited(world, "budget: {max_hourly_cost: 0.15}")
    await world.engine().launch(HELLO, "a", quiet)
    world.accounts["memory", "default"] = MemoryAccount("somebody else")
    await world.engine().status(refresh=True)
    del world.accounts["memory", "default"]
    assert (world.record("a") or pytest.fail("gone")).state is ClusterState.UNKNOWN
    with pytest.raises(NoOffer, match=r"the \$0.10/h of 1 cluster that runs"):
        await world.engine().launch(HELLO, "c", quiet)
    await world.engine().stop("a", quiet)
    await world.engine().launch(HELLO, "c", quiet)


async def test_a_start_counts_like_a_launch(world: World) -> None:
    """A stopped cluster does not come back, by start or by launch, where it would pass the ceiling by now."""
    limited(world, "budget: {max_hourly_cost: 0.15}")
    engine = world.engine()
    await engine.launch(HELLO, "a", quiet)
    await engine.stop("a", quiet)
    await engine.launch(HELLO, "b", quiet)
    for attempt in (engine.start("a", None, quiet), engine.launch(HELLO, "a", quiet)):
        with pytest.raises(NoOffer, match="cluster 'a' is more than the budget allows"):
            await attempt
    assert (world.record("a") or pytest.fail("gone")).state is ClusterState.STOPPED
    await engine.down("b", quiet)
    await engine.start("a", None, quiet)


async def test_an_interrupted_launch_counts_when_it_goes_on(world: World) -> None:
    """It was killed before anything was asked for, and others have launched since: it does not go on for nothing."""
    limited(world, "budget: {max_hourly_cost: 0.15}")
    whole = Life()
    await world.engine(whole).launch(HELLO, "x", quiet)
    await world.engine().down("x", quiet)
    with pytest.raises(Killed):
        await world.engine(Life(ends_at=whole.steps.index("before memory.launch"))).launch(HELLO, "a", quiet)
    await world.engine().status(refresh=True)
    await world.engine().launch(HELLO, "b", quiet)
    with pytest.raises(NoOffer, match="the budget is"):
        await world.engine().launch(HELLO, "a", quiet)
    assert len(world.machines()) == 1


async def test_two_at_once_do_not_both_pass(new_world: Callable[..., World]) -> None:
    """Both have seen that there is room for one; the second to commit is refused, though nothing had told it so."""
    world = limited(new_world(), "budget: {max_hourly_cost: 0.15}")
    asked = asyncio.Barrier(2)

    async def meet(name: str) -> object:
        engine = world.engine()
        account = engine.context.clouds.get("memory")
        call = account.call

        async def together(function, *args, **kwargs):
            if getattr(function, "__name__", "") == "prepare":
                async with asyncio.timeout(10):
                    await asked.wait()
            return await call(function, *args, **kwargs)

        account.call = together  # type: ignore[method-assign]
        task = HELLO.resources(Resources(infra="memory/east").cpus(8))
        return await engine.launch(task, name, quiet)

    outcomes = await asyncio.gather(meet("a"), meet("b"), return_exceptions=True)
    failed = [each for each in outcomes if isinstance(each, BaseException)]
    assert [type(each) for each in failed] == [NoOffer]
    assert "make $0.20/h, and the budget is $0.15/h" in str(failed[0])
    assert len(world.machines()) == 1
    assert len(world.store.clusters.list()) == 1


async def test_what_one_launch_may_cost(world: World) -> None:
    """All its nodes together cost no more; what has no known price is refused, whatever the sum."""
    engine = world.engine()
    with pytest.raises(NoOffer, match=r"it costs \$0\.20/h, and this launch may cost \$0\.15/h"):
        await engine.launch(HELLO.nodes(2), "c", quiet, max_hourly_cost=Decimal("0.15"))
    assert world.record() is None
    await engine.launch(HELLO, "c", quiet, max_hourly_cost=Decimal("0.15"))
    await engine.stop("c", quiet)
    with pytest.raises(NoOffer, match=r"comes back for \$0\.10/h; this launch may cost \$0\.05/h"):
        await engine.launch(HELLO, "c", quiet, max_hourly_cost=Decimal("0.05"))
    unpriced(world)
    with pytest.raises(NoOffer, match="its price is not known, and this launch may cost"):
        await engine.launch(HELLO, "d", quiet, max_hourly_cost=Decimal(1000))


async def test_what_is_too_dear_is_shown_with_the_reason(world: World) -> None:
    """A dry run lists it among what was rejected, beside what fits."""
    found = await world.engine().plan(HELLO, quiet, max_hourly_cost=Decimal("0.12"))
    assert [choice.hourly_cost for choice in found.choices] == [SMALL]
    reasons = {rejection.reason for rejection in found.rejections}
    assert "it costs $0.15/h, and this launch may cost $0.12/h" in reasons


async def test_unknown_prices_have_no_place_in_a_budget(world: World) -> None:
    """Neither is what has no price made, nor anything on top of it: nobody could tell the sum."""
    priced = world.account.offers
    unpriced(world)
    await world.engine().launch(HELLO, "a", quiet)
    limited(world, "budget: {max_hourly_cost: 1000}")
    with pytest.raises(NoOffer, match=r"its price is not known, and the budget is \$1000\.00/h"):
        await world.engine().launch(HELLO, "b", quiet)
    world.account.offers = priced
    with pytest.raises(NoOffer, match="cluster 'a' runs at a price that is not known"):
        await world.engine().launch(HELLO, "b", quiet)


async def test_what_is_free_is_never_refused(world: World) -> None:
    """Machines that cost nothing, as one's own do, need no budget, whatever else runs."""
    await world.engine().launch(HELLO, "a", quiet)
    limited(world, "budget: {max_hourly_cost: 0}")
    world.account.offers = tuple(replace(offer, hourly_price=Decimal(0)) for offer in world.account.offers)
    await world.engine().launch(HELLO, "b", quiet, max_hourly_cost=Decimal(0))


async def test_a_failed_attempt_gives_its_money_back(world: World) -> None:
    """A place that had none left does not count any more when the next is tried."""
    limited(world, "budget: {max_hourly_cost: 0.20}")
    world.account.fail_next("launch", InsufficientCapacity("none left"))
    await world.engine().launch(HELLO, "c", quiet)
    assert (world.record() or pytest.fail("gone")).region == "west"
    assert [span.hourly_cost for span in world.store.spans.since()] == [Decimal("0.15")]


async def test_each_account_has_its_own_ceiling(new_world: Callable[..., World]) -> None:
    """That of one account leaves the others alone, and that of their cloud is for all of them."""
    settings = """
        clouds: {memory: {accounts: {prod: {}, dev: {}}}}
        budget: {accounts: {memory/dev: 0.15, memory: 0.25}}
        """
    world = limited(new_world(), settings)
    for name in ("prod", "dev"):
        world.accounts["memory", name] = MemoryAccount(name)
    engine = world.engine()
    await engine.launch(HELLO, "a", quiet, account="dev")
    with pytest.raises(NoOffer, match=r"the budget of memory \(dev\) is \$0\.15/h"):
        await engine.launch(HELLO, "b", quiet, account="dev")
    await engine.launch(HELLO, "b", quiet)
    assert (world.record("b") or pytest.fail("gone")).account == "prod"
    with pytest.raises(NoOffer, match=r"with the \$0\.20/h of 2 clusters .* and the budget of memory is \$0\.25/h"):
        await engine.launch(HELLO, "c", quiet, account="prod")


async def test_a_ceiling_for_nobody(world: World) -> None:
    """A cloud that nobody knows is a typing error, and no ceiling is lost to one."""
    limited(world, "budget: {accounts: {memroy: 5}}")
    with pytest.raises(InvalidConfig, match=r"budget\.accounts\.memroy: there is no cloud 'memroy'") as refused:
        await world.engine().launch(HELLO, "c", quiet)
    assert refused.value.hint == "Did you mean 'memory'?"


async def test_a_ceiling_for_a_cloud_that_is_switched_off(world: World) -> None:
    """A ceiling of a cloud that is installed and cannot be used just now keeps nobody from using the others."""
    world.switched_off.append("acme")
    limited(world, "budget: {accounts: {acme: 5}}")
    await world.engine().launch(HELLO, "c", quiet)


async def test_each_user_has_their_own_ceiling(world: World) -> None:
    """What others run does not count, and what a user starts again counts for whoever made it."""
    limited(world, "budget: {users: {ann: 0.15}}")
    ann, bob = world.engine().for_user("ann"), world.engine().for_user("bob")
    await bob.launch(HELLO, "b", quiet)
    await ann.launch(HELLO, "a", quiet)
    assert [(span.cluster, span.user) for span in world.store.spans.going_on()] == [("b", "bob"), ("a", "ann")]
    with pytest.raises(
        NoOffer, match=r"1 cluster that runs .* make \$0\.20/h, and the budget of user ann is \$0\.15/h"
    ):
        await ann.launch(HELLO, "c", quiet)
    await ann.stop("a", quiet)
    await ann.launch(HELLO, "c", quiet)
    with pytest.raises(NoOffer, match="the budget of user ann"):
        await world.engine().for_user("bob", owners=["ann"]).start("a", None, quiet)
    await bob.launch(HELLO, "d", quiet)


async def test_the_money_of_a_month(world: World) -> None:
    """What was spent since the first counts, also of clusters that are gone; the next month begins with nothing."""
    limited(world, "budget: {monthly: 0.50, users_monthly: {ann: 0.30}}")
    engine = world.engine().for_user("ann")
    world.clock.advance((datetime(2031, 3, 10, tzinfo=UTC) - world.clock.now()).total_seconds())
    await engine.launch(HELLO, "a", quiet)
    world.clock.advance(2.5 * 3600)
    await engine.down("a", quiet)
    with pytest.raises(
        NoOffer, match=r"with the \$0\.2[56] of this month .*, and the monthly budget of user ann is \$0\.30"
    ):
        await engine.launch(HELLO, "a", quiet)
    bob = world.engine().for_user("bob")
    await bob.launch(HELLO, "b", quiet)
    with pytest.raises(
        NoOffer, match=r"with the \$0\.3[56] of .* first hour makes .*, and the monthly budget is \$0\.50"
    ):
        await bob.launch(HELLO.nodes(2), "c", quiet)
    assert {record.name for record in world.store.clusters.list()} == {"b"}
    world.clock.advance(24 * 3600 * 31)
    await bob.down("b", quiet)
    with pytest.raises(NoOffer, match="and the monthly budget is"):  # b has run into the new month, and spent it
        await bob.launch(HELLO, "c", quiet)
    world.clock.advance(24 * 3600 * 30)
    await bob.launch(HELLO, "c", quiet)


@given(
    ran=st.lists(st.tuples(st.integers(0, 90 * 24), st.integers(1, 60 * 24) | st.none()), max_size=5),
    now=st.integers(0, 80 * 24),
    most=st.integers(0, 3000),
)
@relaxed
def test_the_sum_of_a_month_never_passes_its_ceiling(
    world: World, ran: list[tuple[int, int | None]], now: int, most: int
) -> None:
    """At a dollar an hour the money is the hours since the first, one at least for each cluster that still runs."""
    moment = NOW + timedelta(hours=now)
    first, spent = moment.replace(day=1, hour=0), 0
    database = world.store.spans._database
    with database.write() as connection:
        connection.execute(delete(schema.spans))
        for began, length in ran:
            each = replace(span("x", "a", Decimal(1)), began_at=NOW + timedelta(hours=began))
            each = replace(each, ended_at=length and each.began_at + timedelta(hours=length))
            if (each.ended_at or each.began_at) <= moment:
                connection.execute(insert(schema.spans), all_columns(each))
                there = [hour for hour in _hours(first, moment) if each.began_at <= hour < (each.ended_at or moment)]
                spent += max(len(there), 0 if each.ended_at else 1)
    ceiling = Ceiling(Decimal(most), monthly=True)
    with database.read() as connection:
        counted = Counted.of([ceiling], Billed(connection, moment, but=""))
    reason = too_much(ceiling, Addition("x", "a", "", Decimal(1)), counted)
    assert (reason is None) == (spent + 1 <= most)


def _hours(first: datetime, end: datetime) -> list[datetime]:
    return [first + timedelta(hours=number) for number in range(int((end - first).total_seconds()) // 3600)]


def span(cloud: str, account: str, cost: Decimal | None) -> Span:
    """What runs there."""
    return Span("x", NOW, cloud, account, "", "", "", 1, False, "", "", "full", cost, NOW)


PRICES = st.none() | st.decimals(0, 100, places=2)
PLACES = st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["a", "b"]))


@given(
    ceiling=st.builds(
        Ceiling, st.decimals(0, 300, places=2), st.none() | st.sampled_from(["x", "y"]), st.none() | st.just("a")
    ),
    where=PLACES,
    cost=PRICES,
    others=st.lists(st.builds(lambda place, price: span(*place, price), PLACES, PRICES), max_size=6),
)
def test_the_sum_never_passes_the_ceiling(
    ceiling: Ceiling, where: tuple[str, str], cost: Decimal | None, others: list[Span]
) -> None:
    """What is let through is free, elsewhere, or known to fit with all that counts; whatever fits is let through."""
    reason = too_much(ceiling, Addition(*where, "", cost), Counted(NOW, others))
    counted = [each.hourly_cost for each in others if ceiling.counts(each.cloud, each.account, "")]
    if cost == 0 or not ceiling.counts(*where, ""):
        assert reason is None
    elif cost is None or None in counted:
        assert reason is not None
        assert "not known" in reason
    else:
        assert (reason is None) == (sum(each for each in counted if each) + cost <= ceiling.most)


def test_no_budget_costs_nothing(world: World) -> None:
    """Without one there is nothing to check, and no transaction that everybody has to wait for."""
    assert budget.within(world.engine().context) is None
