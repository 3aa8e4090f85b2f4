"""Why a task would run where it would: what fits, what was refused of late, and why the other clouds have nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from styx.api.errors import CatalogError
from styx.api.offers import Offer, OfferQuery
from styx.catalog.query import catalogs
from styx.engine.context import Context, Progress
from styx.engine.failover import standing
from styx.engine.mistaken import mistaken
from styx.engine.obtain import Wish, possible, refusal
from styx.engine.plan import Answered, Plan, Shop, apart, everything_of, plan, shops, unusable
from styx.optimizer.blocks import blocking
from styx.optimizer.rank import Choice, Judge, Lot, Near, Rejection, nearest, query_for, rank, thinned
from styx.spec.model import Alternative, ResourcesSpec, TaskSpec

OffersOf = Callable[[OfferQuery], Iterable[Offer]]  # cheapest first


@dataclass(frozen=True, slots=True)
class Refused:
    """A choice that fits and was refused to a launch of late: why, and until when it is passed over."""

    choice: Choice
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class RuledOut:
    """A cloud, or one account of it, that has nothing for the task, and the one requirement that it fails.

    ``nearest`` is the offer that would fit if that were not asked for, and ``hourly_cost`` what it costs (USD, all
    nodes); None where nothing is offered. Of a cloud that could not be asked it is what its catalog has, if there is
    one. An empty ``why`` means that it does fit.
    """

    source: str
    why: str
    nearest: Offer | None = None
    hourly_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a launch would choose among, in the order in which it asks, and why all else is not.

    What others were ``refused`` of late is asked for last.
    ``not_yet`` are clouds of which a catalog is installed, and no plugin that launches there.
    """

    task: TaskSpec
    choices: tuple[Choice, ...]
    refused: tuple[Refused, ...]
    ruled_out: tuple[RuledOut, ...]
    not_yet: tuple[RuledOut, ...]
    mistake: str | None = None  # a name in the task that nothing has, in words
    more: int = 0  # how many choices there are beyond these, where a server tells of the first alone


async def explain(context: Context, wish: Wish, progress: Progress, *, not_yet: bool = True) -> Explanation:
    """Ask every cloud that may be used, and make nothing; without ``not_yet`` no catalogs of others are looked at.

    Raises BadInput where no cloud that the task names is there, and for an account that is not.
    """
    progress("plan", "asking the clouds what they have")
    shown = {shelf.cloud for shelf, _ in catalogs() if not shelf.launchable}
    problems = unusable(context, wish.task.resources)
    alternatives = wish.task.resources.alternatives
    mine = [each for each in alternatives if each.infra.cloud not in problems]
    others = tuple(await apart(_not_yet, wish.task)) if not_yet else ()
    missing = [RuledOut(cloud, error.message) for cloud, error in problems.items() if cloud not in shown]
    if not mine and len(missing) == len(problems):
        raise next(iter(problems.values()))
    if not mine:
        return Explanation(wish.task, (), (), tuple(missing), others, mistaken(wish.task.resources, ()))
    task = replace(wish.task, resources=replace(wish.task.resources, alternatives=tuple(mine)))
    answered: Answered = {}
    found = await plan(context, task, wish.account, answered)
    fitting, refused, told = await apart(_fitting, context, replace(wish, task=task), found)
    having = {choice.source for choice in fitting}
    without = [shop for shop in shops(context, task, wish.account) if shop.label not in having]
    ruled_out = await asyncio.gather(*(_ruled_out(context, task, shop, found, told, answered) for shop in without))
    if not_yet:
        ruled_out = await apart(_with_offers_on_paper, task, without, ruled_out)
    return Explanation(wish.task, tuple(fitting), tuple(refused), (*ruled_out, *missing), others, found.mistake)


def _fitting(context: Context, wish: Wish, found: Plan) -> tuple[list[Choice], list[Refused], dict[str, Rejection]]:
    """What fits, in the order in which it is asked for; what of it was refused of late; and of each source why not."""
    fitting, refusals = possible(context, wish, found.choices)
    now, blocks = context.store.now(), standing(context)
    refused = [
        Refused(choice, block.reason, block.until)
        for choice in fitting
        if (block := blocking(choice, blocks, now)) is not None
    ]
    late = {id(each.choice) for each in refused}
    fitting.sort(key=lambda choice: id(choice) in late)
    told: dict[str, Rejection] = {}
    for choice, error in refusals:  # the first of each source, which is its cheapest
        if choice.source not in told:
            told[choice.source] = refusal(choice, error)
    return fitting, refused, told


async def _ruled_out(
    context: Context, task: TaskSpec, shop: Shop, found: Plan, told: Mapping[str, Rejection], answered: Answered
) -> RuledOut:
    """Why nothing is chosen from an account of a cloud, with its nearest offer."""
    if shop.label in told:
        offer = told[shop.label].offer
        return RuledOut(shop.label, told[shop.label].reason, offer, _price(task, offer))
    if shop.label in found.unasked:
        return RuledOut(shop.label, found.unasked[shop.label])
    unasked: dict[str, str] = {}
    lots = await everything_of(context, shop, unasked, answered)
    mine = [each for each in task.resources.alternatives if shop.suits(each)]
    near = await apart(_nearest, mine, lots, task.num_nodes)
    if not near:
        return RuledOut(shop.label, unasked.get(shop.label, "has nothing to rent"))
    return _near(near[0], task.num_nodes)


def _nearest(alternatives: Sequence[Alternative], lots: Iterable[Lot], num_nodes: int) -> list[Near]:
    return nearest(ResourcesSpec(tuple(alternatives)), thinned(alternatives, lots), num_nodes)


def _near(found: Near, num_nodes: int) -> RuledOut:
    price = found.offer.price(spot=found.alternative.use_spot)
    if price is None and found.alternative.use_spot:
        price = found.offer.hourly_price
    cost = None if price is None else price * num_nodes
    return RuledOut(found.source, "; ".join(miss.reason for miss in found.misses), found.offer, cost)


def _would_be(source: str, resources: ResourcesSpec, num_nodes: int, offers: OffersOf) -> RuledOut:
    """The best offer that fits; where none does the nearest, and what it fails."""
    for usual in (True, False):
        lots = [_first(each, num_nodes, offers, usual=usual) for each in resources.alternatives]
        choices, _ = rank(resources, lots, num_nodes, usual=usual)
        if choices:
            return RuledOut(source, "", choices[0].offer, choices[0].hourly_cost)
    near = _nearest(resources.alternatives, map(Lot, offers(OfferQuery())), num_nodes)
    return _near(near[0], num_nodes) if near else RuledOut(source, "has nothing to rent")


def _first(wanted: Alternative, num_nodes: int, offers: OffersOf, *, usual: bool) -> list[Lot]:
    """What is the best for an alternative, and some that is no better: of many offers, which come cheapest first."""
    judge, found, least = Judge(wanted, num_nodes, usual=usual), list[Lot](), None
    for offer in offers(query_for(wanted, num_nodes, usual=usual)):
        price = offer.price(spot=wanted.use_spot)
        if least is not None and price != least:
            break
        if judge.failed(offer) is None:
            found.append(Lot(offer))
            least = least if judge.spoils(offer) else price
    return found


def _price(task: TaskSpec, offer: Offer) -> Decimal | None:
    price = offer.price(spot=task.resources.alternatives[0].use_spot)
    return None if price is None else price * task.num_nodes


def _with_offers_on_paper(task: TaskSpec, shops: Sequence[Shop], ruled_out: Sequence[RuledOut]) -> list[RuledOut]:
    """The same, with what the catalog has of a cloud that could not be asked, and what even that lacks."""
    papers = {shelf.cloud: catalog for shelf, catalog in catalogs()}
    result = [*ruled_out]
    for number, (shop, out) in enumerate(zip(shops, ruled_out, strict=True)):
        if out.nearest is not None or shop.cloud not in papers:
            continue
        mine = tuple(each for each in task.resources.alternatives if shop.suits(each))
        resources = replace(task.resources, alternatives=mine)
        with suppress(CatalogError):
            found = _would_be(out.source, resources, task.num_nodes, papers[shop.cloud].in_turn)
            result[number] = replace(found, why="; ".join(filter(None, (out.why, found.why))))
    return result


def _not_yet(task: TaskSpec) -> list[RuledOut]:
    """What the clouds that only have a catalog would have for the task."""
    result: list[RuledOut] = []
    for shelf, catalog in catalogs():
        mine = [each for each in task.resources.alternatives if each.infra.cloud in (None, shelf.cloud)]
        if shelf.launchable or not mine:
            continue
        resources = replace(task.resources, alternatives=tuple(mine))
        try:
            result.append(_would_be(shelf.cloud, resources, task.num_nodes, catalog.in_turn))
        except CatalogError as error:
            result.append(RuledOut(shelf.cloud, error.message))
    return result
