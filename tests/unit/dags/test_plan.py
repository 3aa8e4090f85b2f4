"""Plans of Dags: for each task what the clouds offer, the cheapest or the quickest of all, data that moves included."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from styx.api import Accelerator, NoOffer, Offer, Scope
from styx.dags import plan as planning
from styx.dags.model import RunOptions
from styx.dags.plan import Transfers, plan_places
from styx.optimizer.dag import plan_dag
from styx.optimizer.tasks import Objective, Rate, Site
from styx.spec import Resources, Task
from styx.testing.memory.account import MemoryAccount
from styx.testing.memory.cloud import MemoryCloud
from support.dag_machines import dag_of
from support.world import World


def sell(world: World, name: str, **prices: dict[str, str]) -> None:
    """A cloud that rents machines with one GPU of these models in these regions, at these prices."""
    offers = [
        Offer(name, Scope(region), f"gpu-{model}", 8, 32, region, None, (Accelerator(model, 1),), Decimal(price))
        for region, models in prices.items()
        for model, price in models.items()
    ]
    world.clouds[name] = (type(name.title(), (MemoryCloud,), {"name": name}), MemoryAccount(name, offers=offers))


@pytest.fixture(autouse=True)
def _clouds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clouds: one is cheaper for A100, the other for H100; moving a GiB out of either costs ten cents."""
    del world.clouds["memory"]
    sell(world, "acme", here={"A100": "1", "H100": "9"}, there={"A100": "0.99", "H100": "9"})
    sell(world, "best", here={"A100": "2", "H100": "4"})
    prices = [("*", "internet", Decimal("0.10")), ("*", "*", Decimal("0.01"))]
    found = [(SimpleNamespace(cloud=cloud), SimpleNamespace(transfer=lambda: prices)) for cloud in ("acme", "best")]
    monkeypatch.setattr(planning, "catalogs", lambda: found)


def need(name: str, *models: str, **fields: Any) -> Task:
    """A task that needs one of these GPUs."""
    resources = {"accelerators": dict.fromkeys(models, 1)}
    return Task.from_dict({"name": name, "run": "x", "resources": resources, **fields})


async def places(world: World, *tasks: Task, **options: Any) -> list[str]:
    """Cloud, region and GPU of each task, one after the other."""
    dag = dag_of(*tasks)
    for earlier, later in pairwise(tasks):
        dag.edge(earlier, later)
    found = await plan_places(world.engine(), dag, RunOptions(**options))
    return [f"{p.site.cloud}/{p.site.region} {p.payload.offer.accelerators[0].name}" for p in found.picks]


async def test_each_where_it_is_cheapest(world: World) -> None:
    """Without data that moves every task goes where it costs least."""
    assert await places(world, need("a", "A100"), need("b", "H100")) == ["acme/there A100", "best/here H100"]


async def test_data_keeps_tasks_together(world: World) -> None:
    """Where moving it costs more than is saved, the whole goes to one place: here 50 GiB at ten cents."""
    made = need("a", "A100", outputs={"s3://bucket/data": 50})
    assert await places(world, made, need("b", "H100")) == ["best/here A100", "best/here H100"]


async def test_what_is_read_from_a_bucket_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data that lies with one cloud draws the task there, unless a task before has written it elsewhere."""
    monkeypatch.setattr(planning, "_HOMES", {"s3": "acme"})
    reads = need("b", "H100", inputs={"s3://bucket/data": 100})
    assert await places(world, reads) == ["acme/here H100"]


async def test_the_quickest(world: World) -> None:
    """With estimates by accelerator, least time takes the fast GPU and least cost the cheap one."""
    task = need("a", "A100", "H100", time_estimate={"A100": "3h", "H100": "1h"})
    assert await places(world, task) == ["acme/there A100"]
    assert await places(world, task, objective=Objective.TIME) == ["best/here H100"]
    slow = need("a", "A100", "H100", time_estimate={"A100": "9h", "H100": "1h"})
    assert await places(world, slow) == ["best/here H100"]


async def test_preferences_come_before_prices(world: World) -> None:
    """The first of a list that can be had is taken, however dear it is."""
    listed = Task("a").run("x").resources(Resources(accelerators=["H100:1", "A100:1"]))
    assert await places(world, listed) == ["best/here H100"]


async def test_tasks_that_need_the_same_ask_once(world: World) -> None:
    """A sweep of a hundred tasks costs no more calls than one task."""
    dag = dag_of(*need("a", "A100").foreach(100))
    found = await plan_places(world.engine(), dag, RunOptions())
    assert (len(found.picks), found.cost) == (100, Decimal("99.00"))
    calls = Counter(call.method for _, account in world.clouds.values() for call in account.calls)
    assert calls["offers"] == 2


async def test_who_plans_for_long_keeps_nobody_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads of the event loop, of which there are few, have nothing to do with it."""
    loop, begun, let_go = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))

    def slowly(*works: Any, **options: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        let_go.wait(60)
        return plan_dag(*works, **options)

    monkeypatch.setattr(planning, "plan_dag", slowly)
    planned = asyncio.ensure_future(places(world, need("a", "A100")))
    try:
        async with asyncio.timeout(30):
            await begun.wait()
            await asyncio.to_thread(int)
    finally:
        let_go.set()
    assert await planned == ["acme/there A100"]


async def test_a_task_that_fits_nowhere_is_named(world: World) -> None:
    """So is what each cloud lacks."""
    with pytest.raises(NoOffer, match="b: nothing that can be rented fits"):
        await places(world, need("a", "A100"), need("b", "T4"))


async def test_all_errors_but_the_first_are_quiet(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Of several tasks that cannot be planned the first is told, and nothing is left for the loop to complain about."""
    tasks = [need(name, gpu) for name, gpu in (("a", "T4"), ("b", "K80"), ("c", "L4"))]
    with pytest.raises(NoOffer, match="a: nothing that can be rented fits"):
        await places(world, *tasks)
    gc.collect()
    assert "never retrieved" not in caplog.text


class TestTransfers:
    """What moving a GiB costs."""

    @pytest.mark.parametrize(
        ("start", "end", "price"),
        [
            (Site("acme", "here", "a"), Site("acme", "here", "b"), "0"),
            (Site("acme", "here"), Site("acme", "there"), "0.01"),
            (Site("acme", "here"), Site("best", "here"), "0.10"),
            (Site("acme"), Site("acme", "there"), "0"),
            (Site("local"), Site("acme", "here"), "0"),
        ],
    )
    def test_between_two_places(self, start: Site, end: Site, price: str) -> None:
        """Nothing within a region, the cloud's own price between two, and that to the internet out of it."""
        assert Transfers().rate(start, end) == Rate(Decimal(price))

    def test_the_most_certain_price_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A price for the very pair of regions comes before one for any."""
        prices = [("*", "*", Decimal("0.02")), ("here", "*", Decimal("0.03")), ("here", "there", Decimal("0.04"))]
        catalog = SimpleNamespace(transfer=lambda: prices)
        monkeypatch.setattr(planning, "catalogs", lambda: [(SimpleNamespace(cloud="acme"), catalog)])
        rates = Transfers()
        assert rates.rate(Site("acme", "here"), Site("acme", "there")).usd == Decimal("0.04")
        assert rates.rate(Site("acme", "here"), Site("acme", "far")).usd == Decimal("0.03")
        assert rates.rate(Site("acme", "far"), Site("acme", "here")).usd == Decimal("0.02")
