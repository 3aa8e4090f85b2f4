"""Where the tasks of a Dag should run: what the clouds offer for each, and what it takes to move data between them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from decimal import Decimal

from styx.api.catalog import ANYWHERE, INTERNET
from styx.api.errors import NoOffer
from styx.catalog.query import catalogs
from styx.dags.model import POLICY, RunOptions
from styx.engine.engine import Engine
from styx.engine.plan import Answered, Plan, apart
from styx.optimizer.dag import plan_dag
from styx.optimizer.rank import Choice
from styx.optimizer.tasks import Candidate, DagPlan, Data, Edge, Rate, Site, Work
from styx.spec import Task
from styx.spec.dag import Dag
from styx.spec.flow import estimated_hours
from styx.spec.model import TaskSpec
from styx.threads import Pool

PATIENCE = 10.0  # seconds that a question to the solver may take; then the best plan found is taken
_solving = Pool(4, "styx-solve")  # the threads of the event loop are for what is short
_HOMES = {"s3": "aws", "gs": "gcp"}  # the clouds that buckets of these schemes are in


async def plan_places(engine: Engine, dag: Dag, options: RunOptions) -> DagPlan[Choice]:
    """The plan. Raises NoOffer, naming the task, and what else a launch of one would."""
    dag.check()
    answered: Answered = {}
    asked: dict[str, asyncio.Future[Plan]] = {}  # tasks that need the same ask once, all others at once
    needs = [f"{task.spec.num_nodes} {task.spec.resources!r}" for task in dag.tasks]
    for task, need in zip(dag.tasks, needs, strict=True):
        if need not in asked:
            asked[need] = asyncio.ensure_future(_offers(engine, task, options, answered))
    await asyncio.gather(*asked.values(), return_exceptions=True)  # the first that has none is raised below
    works: list[Work[Choice]] = []
    candidates: dict[str, tuple[Candidate[Choice], ...]] = {}
    for number, (task, need) in enumerate(zip(dag.tasks, needs, strict=True)):
        alike = f"{need} {task.spec.extra.get('time_estimate')!r}"
        if alike not in candidates:
            candidates[alike] = await apart(tuple, _candidates(task.spec, asked[need].result()))
        works.append(Work(dag.label(number), candidates[alike], _inputs(task, dag)))
    rate = Transfers().rate
    return await _solving(plan_dag, works, [*_edges(dag)], rate, objective=options.objective, patience=PATIENCE)


async def _offers(engine: Engine, task: Task, options: RunOptions, answered: Answered) -> Plan:
    def quiet(_phase: str, _sentence: str) -> None:
        """Nobody reads it."""

    try:
        return await engine.plan(
            task, quiet, autostop=None if options.keep else POLICY, account=options.account,
            max_hourly_cost=options.max_hourly_cost, answered=answered, lenient=True,
        )  # fmt: skip
    except NoOffer as error:
        name = task.spec.name or "a task"
        raise NoOffer(f"{name}: {error.message}", hint=error.hint, reasons=error.reasons) from error


def _candidates(spec: TaskSpec, plan: Plan) -> Iterator[Candidate[Choice]]:
    """The first choice of each place, which is its best: what costs more and takes as long there is no candidate."""
    preference = {id(each): position for position, each in enumerate(spec.resources.alternatives)}
    seen: set[tuple[object, ...]] = set()
    for choice in plan.choices:
        offer = choice.offer
        hours = estimated_hours(spec, (device.name for device in offer.accelerators))
        preferred = preference.get(id(choice.alternative), 0) if spec.resources.ordered else 0
        key = (offer.cloud, offer.region, offer.zone, hours, preferred)
        if key not in seen:
            seen.add(key)
            site = Site(offer.cloud, offer.region, offer.zone or "")
            cost = None if choice.hourly_cost is None else choice.hourly_cost * Decimal(hours)
            yield Candidate(choice, site, cost, hours, preferred)


def _inputs(task: Task, dag: Dag) -> tuple[Data, ...]:
    if not _sizes(task.spec, "inputs"):
        return ()
    given = {uri for earlier in dag.before(task) for uri in _sizes(earlier.spec, "outputs")}
    return tuple(_reads(task.spec, given))


def _reads(spec: TaskSpec, given: set[str]) -> Iterator[Data]:
    """What a task reads from buckets, apart from what tasks before it have written there."""
    for uri, gib in _sizes(spec, "inputs").items():
        cloud = _HOMES.get(uri.partition("://")[0])
        if cloud is not None and uri not in given:
            yield Data(Site(cloud), gib)


def _edges(dag: Dag) -> Iterator[Edge]:
    given = [sum(_sizes(task.spec, "outputs").values()) for task in dag.tasks]
    for low, high in dag.numbered_edges():
        yield Edge(low, high, given[low])


def _sizes(spec: TaskSpec, field: str) -> dict[str, float]:
    """``inputs`` or ``outputs`` of a task: GiB by URI."""
    found = spec.extra.get(field)
    return {str(uri): float(size) for uri, size in found.items()} if isinstance(found, Mapping) else {}


class Transfers:
    """What moving data costs, as the catalogs say; nothing where they do not."""

    def __init__(self) -> None:
        self._prices = {
            shelf.cloud: {(start, end): price for start, end, price in catalog.transfer()}
            for shelf, catalog in catalogs()
        }

    def rate(self, start: Site, end: Site) -> Rate:
        """From one place to another: within a region it is free."""
        if start.cloud == end.cloud and (start.region == end.region or not start.region or not end.region):
            return Rate()
        prices = self._prices.get(start.cloud, {})
        where = end.region if start.cloud == end.cloud else INTERNET
        for way in ((start.region, where), (start.region, ANYWHERE), (ANYWHERE, where), (ANYWHERE, ANYWHERE)):
            if way in prices and not (where == INTERNET and way[1] == ANYWHERE):
                return Rate(prices[way])
        return Rate()
