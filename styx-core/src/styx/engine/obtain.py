"""Getting new machines: the best offers first, the next best where one is refused, all or none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from styx.api.backend import Autostop
from styx.api.cloud import Cloud
from styx.api.errors import (
    BadInput,
    ClusterBusy,
    ClusterNotFound,
    InvalidRequest,
    InvalidTask,
    NoOffer,
    PluginError,
    ProviderError,
    StyxError,
    Unsupported,
    WrongAccount,
)
from styx.api.launch import LaunchRequest
from styx.api.names import Owner, new_attempt_id, slug
from styx.api.nodes import Node
from styx.api.offers import Offer, Scope
from styx.engine import asked, budget, watchdog
from styx.engine.buckets import why_no_store
from styx.engine.ceiling import Ceiling
from styx.engine.clouds import CloudAccount
from styx.engine.codec import offer_in_words, offer_to_data
from styx.engine.context import Context, Progress
from styx.engine.failover import first_to_give, where
from styx.engine.handle import Handle
from styx.engine.intent import commit_intent, prepare
from styx.engine.mounts import why_not_on
from styx.engine.papers import Papers, is_of, papers_of
from styx.engine.plan import Answered, Plan, apart, plan
from styx.engine.provision import Again, drive
from styx.engine.removal import UNSEEN_DEADLINE, remove
from styx.engine.setup import require_autostop, set_up
from styx.hookspecs import Leaning
from styx.optimizer.rank import Choice, Rejection
from styx.spec.model import Alternative, TaskSpec
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from styx.words import sentences


@dataclass(frozen=True, slots=True)
class Wish:
    """What to launch and how. ``task`` decides the machines; its files and job come later."""

    task: TaskSpec
    cluster: str
    autostop: Autostop | None = None
    retry_until_up: bool = False
    agreed_hourly_cost: Decimal | None = None  # USD for all nodes; None: nobody was asked, see Ceiling
    account: str | None = None  # which of a cloud's; None: any
    max_hourly_cost: Decimal | None = None  # USD for all nodes
    prefer: Choice | None = None  # what is asked for first, where it still fits
    leaning: Leaning | None = None  # which places are asked for earlier than others
    lenient: bool = False  # where nothing that fits can have the autostop, it is planned without


async def plan_machines(context: Context, wish: Wish, progress: Progress, answered: Answered | None = None) -> Plan:
    """The choices that can carry out the whole wish: its files, its autostop, and no more money than was agreed to.

    What an account was ``answered`` is not asked again. Raises NoOffer, Unsupported, InvalidTask, BadInput.
    """
    if wish.agreed_hourly_cost is None:  # else they were asked a moment ago, for the consent
        progress("plan", "asking the clouds what they have")
    found = (await plan(context, wish.task, wish.account, answered)).require()
    fitting, refusals = await apart(possible, context, wish, found.choices)
    if not fitting and wish.lenient and isinstance(refusals[0][1], Unsupported):
        fitting, refusals = possible(context, replace(wish, autostop=None), found.choices)
    if not fitting:
        raise refusals[0][1]
    rejections = [refusal(choice, error) for choice, error in refusals]
    if all(_too_dear(wish, choice) for choice in fitting):
        first = fitting[0]
        raise NoOffer(
            f"{where(first)} {_too_dear(wish, first)}, and nothing cheaper fits the task",
            hint="Nothing was made. Run it again to be asked about that price, or add --yes.",
            reasons={first.source: str(_too_dear(wish, first))},
        )
    fitting.sort(key=lambda choice: (not _same(choice, wish.prefer), _turn(choice, wish.leaning)))
    return replace(found, choices=tuple(fitting), rejections=(*rejections, *found.rejections))


def possible(
    context: Context, wish: Wish, choices: Sequence[Choice]
) -> tuple[list[Choice], list[tuple[Choice, StyxError]]]:
    """The choices that can carry out the whole wish, and why each of the others cannot."""
    fitting: list[Choice] = []
    refusals: list[tuple[Choice, StyxError]] = []
    purse = budget.Purse.of(context, wish.cluster, wish.max_hourly_cost)
    unable: dict[tuple[str, str, bool, Autostop | None], StyxError | None] = {}  # as is all of its kind of an account
    for choice in choices:
        whose = choice.offer.cloud, choice.account, choice.alternative.use_spot, _policy(wish, choice)
        if whose not in unable:
            unable[whose] = _unable(context, wish, choice)
        error = unable[whose] or _unaffordable(purse, choice)
        if error is None:
            fitting.append(choice)
        else:
            refusals.append((choice, error))
    return fitting, refusals


def refusal(choice: Choice, error: StyxError) -> Rejection:
    """A choice that cannot carry out the wish, among what does not fit."""
    reason = error.reasons[choice.source] if isinstance(error, NoOffer) else error.message
    return Rejection(choice.offer, reason, account=choice.account)


def _same(choice: Choice, other: Choice | None) -> bool:
    """Whether both ask for the same thing; what else is known of it may have changed meanwhile."""
    return other is not None and _what(choice) == _what(other)


def _turn(choice: Choice, leaning: Leaning | None) -> int:
    """When the choice is asked for: those of the preferred places in their order, then others, then the avoided."""
    if leaning is None:
        return 0
    for turn, place in enumerate(leaning.prefer):
        if place.covers(choice.offer.cloud, choice.offer.region, choice.offer.zone):
            return turn
    avoided = any(place.covers(choice.offer.cloud, choice.offer.region, choice.offer.zone) for place in leaning.avoid)
    return len(leaning.prefer) + avoided


def _what(choice: Choice) -> tuple[str, Scope, Alternative]:
    return where(choice), choice.offer.scope, choice.alternative


def _unable(context: Context, wish: Wish, choice: Choice) -> StyxError | None:
    """Why the cloud of this choice could not do all of the wish."""
    cloud = context.clouds.get(choice.offer.cloud, choice.account).cloud
    try:
        require_autostop(cloud, _policy(wish, choice), spot=choice.alternative.use_spot)
    except Unsupported as error:
        return error
    problem = why_not_on(cloud, wish.task)
    if problem is None:
        return why_no_store(context, cloud.name, wish.task)
    return InvalidTask(
        f"{choice.source}: {problem}",
        hint="Use a path that is relative, or begins with ~/, or run the task on another cloud.",
        field="file_mounts",
    )


def _unaffordable(purse: budget.Purse, choice: Choice) -> StyxError | None:
    """Why it would be more than the budget allows as things are now; it may still be so later."""
    reason = purse.refusal(choice)
    if reason is None:
        return None
    story = f"{where(choice)}: {reason}"
    return NoOffer(f"nothing was made: {story}", hint=budget.HINT, reasons={choice.source: reason})


def _too_dear(wish: Wish, choice: Choice) -> str | None:
    """Why this choice is not what was agreed to; None when it is."""
    agreed, cost = wish.agreed_hourly_cost, choice.hourly_cost
    if agreed is None or (cost is not None and cost <= agreed):
        return None
    costs = "has no known price" if cost is None else f"costs ${cost}/h"
    return f"{costs}, and ${agreed}/h were agreed to" if agreed else f"{costs}, and nothing was agreed to"


def _policy(wish: Wish, choice: Choice) -> Autostop | None:
    return wish.autostop or choice.alternative.autostop


async def make(context: Context, wish: Wish, found: Plan, progress: Progress) -> Handle:
    """Try the choices in turn until one gives nodes, then set them up. The cluster is PLANNING and ours."""
    tidy = partial(_tidy, context, wish.cluster, progress)
    ceiling = Ceiling() if wish.agreed_hourly_cost is None and wish.max_hourly_cost is None else None

    def bounded(plan: Plan) -> Plan:
        return plan if ceiling is None else replace(plan, choices=ceiling.within(plan.choices))

    async def replan() -> Plan:
        return bounded(await plan_machines(context, wish, progress))

    try:
        choice, nodes = await first_to_give(
            context,
            bounded(found),
            partial(_attempt, context, wish, progress),
            partial(_too_dear, wish),
            replan if wish.retry_until_up else None,
            tidy,
            progress,
        )
    except asyncio.CancelledError:
        _come_to_nothing(context, wish.cluster, None)
        raise
    except StyxError as error:
        if ceiling is not None and isinstance(error, NoOffer):
            ceiling.explain(error)
        await tidy()
        _come_to_nothing(context, wish.cluster, error)
        raise
    await tidy(wait=False)
    cluster = context.require_hold(wish.cluster)  # this process may have been suspended, and others have removed it
    return await set_up(context, cluster, nodes, _policy(wish, choice), progress)


async def _tidy(context: Context, name: str, progress: Progress, *, wait: bool = True) -> None:
    """Be done with what was refused to this launch: nothing of it is there, or it goes, or it stays a tombstone.

    ``wait``: until an absence counts.
    """
    cluster = context.store.clusters.get(name)
    if cluster is None:
        return
    attempts = context.store.attempts.of(name)
    given_up = [each for each in attempts if each.state is AttemptState.TOMBSTONE and is_of(each, cluster)]
    for papers in papers_of(given_up):
        with suppress(ProviderError, PluginError, BadInput):
            account = context.clouds.get(papers.newest.cloud, papers.newest.account)
            patience = account.cloud.traits.settle_after + UNSEEN_DEADLINE if wait else 0.0
            await remove(context, account, [papers], progress, patience=patience)


def _come_to_nothing(context: Context, name: str, error: StyxError | None) -> None:
    """Drop the record of a launch that was interrupted or, with an error, failed; not while something may be left."""
    with suppress(ClusterNotFound, ClusterBusy):  # another client has it: nothing on record is ours to change
        _forget_unasked(context, name)
        if not _left_behind(context, name):
            why = "interrupted" if error is None else error.message
            context.tell(context.store.clusters.remove(name, why, holder=context.holder))
        elif error is not None:
            error.hint = sentences(
                error.hint, f"Machines of it may be there, and bill: `styx down {name}` removes them."
            )
            context.move(name, ClusterState.FAILED, error.message, error=error.to_wire())


def _forget_unasked(context: Context, name: str) -> None:
    """Close the intents with which nobody was called: nothing can have come of them."""
    for attempt in context.store.attempts.of(name):
        if attempt.state is AttemptState.OPEN and attempt.called_at is None:
            context.store.attempts.close(attempt, holder=context.holder)  # unless somebody is called just now


def _left_behind(context: Context, name: str) -> bool:
    """Whether any attempt of this cluster may have left something; one forgotten under its name does not count."""
    cluster = context.store.clusters.get(name)
    return cluster is None or any(
        attempt.state is not AttemptState.CLOSED and is_of(attempt, cluster)
        for attempt in context.store.attempts.of(name)
    )


async def _attempt(context: Context, wish: Wish, progress: Progress, choice: Choice) -> list[Node]:
    """One intent for one offer, from its first commit to running nodes. What is refused is told in the events."""
    progress("provision", f"launching {wish.task.num_nodes}x {where(choice)}")
    try:
        return await _ask(context, wish, progress, choice)
    except (InvalidRequest, WrongAccount):
        raise
    except (ProviderError, PluginError) as error:
        reason = f"{where(choice)}: {error.message}"
        context.move(wish.cluster, ClusterState.PLANNING, reason, error=error.to_wire())
        raise


async def _ask(context: Context, wish: Wish, progress: Progress, choice: Choice) -> list[Node]:
    account = context.clouds.get(choice.offer.cloud, choice.account)
    identity = await account.identity(known_for=0.0)  # they may have been switched while -r waited
    if warning := watchdog.warning(account.cloud, choice.offer, spot=choice.alternative.use_spot):
        progress("note", warning)
    owner = Owner(context.store.installation, slug(wish.cluster), new_attempt_id())
    again = request_again(context, account.cloud, choice.alternative, choice.offer, owner)
    prepared = await prepare(account, again(tuple(range(wish.task.num_nodes))))
    intent = await commit_intent(context, account, wish.cluster, "launch", prepared)
    try:
        context.move(
            wish.cluster,
            ClusterState.PROVISIONING,
            f"{choice.offer.cloud}/{choice.offer.scope.name}",
            within=budget.within(context),
            attempt=owner.attempt,
            identity=identity.account,
            **_bought(choice, account, wish.task.num_nodes),
        )
    except NoOffer:  # more than the budget allows: it was not asked for
        context.settle(intent, AttemptState.CLOSED)
        raise
    return await drive(context, account, Papers((intent,)), progress, again)


def _bought(choice: Choice, account: CloudAccount, num_nodes: int) -> dict[str, Any]:
    """What the record says of the machines."""
    offer = choice.offer
    return {
        "cloud": offer.cloud,
        "account": account.account,
        "scope": offer.scope.name,
        "region": offer.region,
        "zone": offer.zone or "",
        "instance_type": offer.instance_type,
        "num_nodes": num_nodes,
        "resources": offer_in_words(offer),
        "request": asked.to_data(choice.alternative, offer.region),
        "offer": offer_to_data(offer),
        "spot": choice.alternative.use_spot,
        "hourly_cost": choice.hourly_cost,
    }


def request_again(context: Context, cloud: Cloud, wanted: Alternative, offer: Offer, owner: Owner) -> Again:
    """How to ask for ranks of this attempt: the first time for all, later for those that did not come."""
    request = LaunchRequest(
        owner=owner,
        offer=offer,
        ranks=(),
        boot=watchdog.boot(cloud, context.public_key),
        spot=wanted.use_spot,
        disk_gib=wanted.disk_size,
        image=asked.image_in(wanted, offer.region),
        ports=asked.ports_of(wanted),
        labels=dict(wanted.labels),
        disk_tier=wanted.disk_tier,
        identity=wanted.identity,
    )
    return lambda ranks: replace(request, ranks=ranks)
