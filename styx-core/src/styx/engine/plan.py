"""From a task's wishes to the offers that would do, best first, by asking every cloud that may be used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from styx.api.errors import BadInput, PluginError, StyxError
from styx.api.offers import OfferQuery
from styx.catalog.query import catalogs
from styx.config import suggest
from styx.engine import answers
from styx.engine.account import glance
from styx.engine.context import Context
from styx.engine.misfit import nothing_fits
from styx.engine.mistaken import mistaken
from styx.engine.ownership import HERE, closed_here, not_here, open_clouds
from styx.optimizer.rank import Choice, Lot, Rejection, label, leaves_open, query_for, rank, thinned
from styx.spec.model import Alternative, ResourcesSpec, TaskSpec
from styx.spec.suggest import did_you_mean
from styx.threads import Pool
from styx.words import sentences

apart = Pool(4, "styx-plan")  # for what is made of very many offers: threads of the event loop are for what is short


@dataclass(frozen=True, slots=True)
class Plan:
    """What would do, best first, and why the rest would not.

    ``unasked`` maps a cloud (or one account of it) to why it could not be asked, also one that the task names and that
    cannot be used; those in ``asked`` answered, if only with nothing.
    """

    choices: tuple[Choice, ...]
    rejections: tuple[Rejection, ...] = ()
    unasked: dict[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    mistake: str | None = None  # a name in the task that nothing has, in words

    def require(self) -> Plan:
        """This plan; raises NoOffer with one reason for each cloud when it has no choice."""
        if self.choices:
            return self
        seen = {rejection.source for rejection in self.rejections}
        silent = {cloud: "has nothing to rent" for cloud in self.asked if cloud not in seen}
        raise nothing_fits(self.rejections, {**silent, **self.unasked}, self.mistake)


@dataclass(frozen=True, slots=True)
class Shop:
    """One account of one cloud, to be asked what it has."""

    cloud: str
    account: str

    @property
    def label(self) -> str:
        """For people."""
        return label(self.cloud, self.account)

    def suits(self, alternative: Alternative) -> bool:
        """Whether the alternative may be had there, as far as it names a cloud."""
        return alternative.infra.cloud in (None, self.cloud)


# What accounts have said to a question, or are about to.
Answered = dict[tuple[Shop, OfferQuery], "asyncio.Future[tuple[list[Lot], str | None]]"]


async def plan(context: Context, task: TaskSpec, account: str | None = None, answered: Answered | None = None) -> Plan:
    """Ask every account of the clouds (or those of that name) for offers and rank them.

    What one of them was ``answered`` is not asked again. An alternative on a cloud that cannot be used is one that
    cannot be had, as long as there is another. Raises BadInput where all are on clouds that are not installed, and for
    an account that is not there.
    """
    answered = {} if answered is None else answered
    problems = unusable(context, task.resources)
    alternatives = tuple(each for each in task.resources.alternatives if each.infra.cloud not in problems)
    if not alternatives:
        raise next(iter(problems.values()))
    task = replace(task, resources=replace(task.resources, alternatives=alternatives))
    shopping = shops(context, task, account)
    unasked = {cloud: error.message for cloud, error in problems.items()}
    for usual in (True, False):  # where no usual machine can be had, whatever fits what the task says
        queries = [query_for(a, task.num_nodes, usual=usual) for a in alternatives]
        asking = (
            _lots(context, a, shopping, query, unasked, answered)
            for a, query in zip(alternatives, queries, strict=True)
        )
        lots = await asyncio.gather(*asking)
        choices, rejections = await apart(rank, task.resources, lots, task.num_nodes, usual=usual)
        if choices or not any(map(leaves_open, alternatives)):
            break
    asked = tuple(shop.label for shop in shopping if shop.label not in unasked)
    if not choices:
        if closed_here(context) and any(alternative.infra.cloud is None for alternative in alternatives):
            unasked[HERE] = not_here().message
        seen = {rejection.source for rejection in rejections}
        silent = [shop for shop in shopping if shop.label in asked and shop.label not in seen]
        rejections += await _everything(context, task, silent, unasked, answered)
        mistake = await apart(mistaken, task.resources, [each.offer for each in rejections])
        return Plan((), tuple(rejections), unasked, asked, mistake)
    return Plan(tuple(choices), tuple(rejections), unasked, asked)


def shops(context: Context, task: TaskSpec, account: str | None) -> list[Shop]:
    """The accounts of the clouds that the task may use, in order; of one name where that is asked for.

    Raises BadInput where none is called so.
    """
    wanted = {alternative.infra.cloud for alternative in task.resources.alternatives}
    clouds = [name for name in open_clouds(context) if None in wanted or name in wanted]
    found = [Shop(cloud, name) for cloud in clouds for name in context.clouds.accounts(cloud)]
    if account is None:
        return found
    known = tuple(dict.fromkeys(shop.account for shop in found))
    if account not in known:
        where = f"of {', '.join(clouds)}" if len(clouds) == 1 else "of any cloud that may be used"
        raise BadInput(f"there is no account {account!r} {where}", hint=suggest(account, known, "There are"))
    return [shop for shop in found if shop.account == account]


def unusable(context: Context, resources: ResourcesSpec) -> dict[str, StyxError]:
    """The clouds that are named and cannot be used, each with why."""
    named = dict.fromkeys(each.infra.cloud for each in resources.alternatives)
    usable = open_clouds(context)
    return {cloud: _unusable(context, cloud) for cloud in named if cloud is not None and cloud not in usable}


def _unusable(context: Context, cloud: str) -> StyxError:
    """Why a task cannot have the cloud that it names."""
    allowed = context.config.allowed_clouds
    try:
        context.plugins.load("cloud", cloud)
    except PluginError as error:
        if error.status is not None:
            return error
        shown = {shelf.cloud: shelf.distribution for shelf, _ in catalogs()}
        if cloud in shown:
            return BadInput(
                f"{shown[cloud]} only shows what {cloud} sells: no plugin that launches there is installed",
                hint="`styx explain` says what would be chosen there.",
            )
        known = (*context.clouds.names(), *shown)  # what is wrong is what the caller wrote
        return BadInput(error.message, hint=did_you_mean(cloud, known) or error.hint)
    if cloud == HERE and cloud in context.clouds.names():
        return not_here()
    return BadInput(
        f"cloud {cloud!r} is not in allowed_clouds ({', '.join(allowed or ()) or 'none is'})",
        hint="Change allowed_clouds in config.yaml to use it.",
    )


async def _lots(
    context: Context,
    alternative: Alternative,
    shops: Sequence[Shop],
    query: OfferQuery,
    unasked: dict[str, str],
    answered: Answered,
) -> list[Lot]:
    suitable = [shop for shop in shops if shop.suits(alternative)]
    found = await asyncio.gather(*(_offers_of(context, shop, query, unasked, answered) for shop in suitable))
    return [lot for lots in found for lot in lots]


async def _everything(
    context: Context, task: TaskSpec, silent: Sequence[Shop], unasked: dict[str, str], answered: Answered
) -> list[Rejection]:
    """What those accounts are offered that had no answer to the task, and why it does not fit."""
    found: list[Rejection] = []
    offered = await asyncio.gather(*(everything_of(context, shop, unasked, answered) for shop in silent))
    for shop, lots in zip(silent, offered, strict=True):
        mine = [a for a in task.resources.alternatives if shop.suits(a)]
        found += await apart(_rejected, mine, lots, task.num_nodes)
    return found


def _rejected(alternatives: Sequence[Alternative], lots: Sequence[Lot], num_nodes: int) -> list[Rejection]:
    return rank(ResourcesSpec(tuple(alternatives)), thinned(alternatives, lots), num_nodes)[1]


async def everything_of(context: Context, shop: Shop, unasked: dict[str, str], answered: Answered) -> list[Lot]:
    """All that account is offered; where that is nothing because it cannot be asked, ``unasked`` says why."""
    lots = await _offers_of(context, shop, OfferQuery(), unasked, answered)
    if not lots and shop.label not in unasked:  # it may not be set up: asking who we are there tells
        try:
            await context.clouds.get(shop.cloud, shop.account).identity()
        except StyxError as error:
            unasked[shop.label] = _why(error)
    return lots


async def _offers_of(
    context: Context, shop: Shop, query: OfferQuery, unasked: dict[str, str], answered: Answered
) -> list[Lot]:
    """What that account is offered; where it cannot be asked nothing, and ``unasked`` says why."""
    if (shop, query) not in answered:
        answered[shop, query] = asyncio.ensure_future(_ask(context, shop, query))
    lots, problem = await answered[shop, query]
    if problem is not None:  # a cloud that cannot be asked silences itself, not the others
        unasked[shop.label] = problem
    return lots


async def _ask(context: Context, shop: Shop, query: OfferQuery) -> tuple[list[Lot], str | None]:
    try:
        account = context.clouds.get(shop.cloud, shop.account)

        def offers() -> list[Lot]:
            return [Lot(offer, shop.account) for offer in answers.offers(account.cloud.offers(query), shop.cloud)]

        with nullcontext() if query.named else glance():  # one of many holds the others up for a while at most
            return await account.call(offers), None
    except StyxError as error:
        return [], _why(error)


def _why(error: StyxError) -> str:
    """Why an account cannot be asked, and what its user does about it: that is no hint for the others."""
    return sentences(error.message, error.hint) if error.hint else error.message
