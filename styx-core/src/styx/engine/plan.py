"""From a task's wishes to the offers that would do, best first, by asking every cloud that may be used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from styx.api.errors import BadInput, PluginError, StyxError
from styx.api.offers import Offer, OfferQuery
from styx.engine import answers
from styx.engine.context import Context
from styx.engine.misfit import nothing_fits
from styx.optimizer.rank import Choice, Rejection, query_for, rank
from styx.spec.model import Alternative, ResourcesSpec, TaskSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """What would do, best first, and why the rest would not.

    ``unasked`` maps a cloud to why it could not be asked; those in ``asked`` answered, if only with nothing.
    """

    choices: tuple[Choice, ...]
    rejections: tuple[Rejection, ...] = ()
    unasked: dict[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()

    def require(self) -> Plan:
        """This plan; raises NoOffer with one reason for each cloud when it has no choice."""
        if self.choices:
            return self
        seen = {rejection.offer.cloud for rejection in self.rejections}
        silent = {cloud: "has nothing to rent" for cloud in self.asked if cloud not in seen}
        raise nothing_fits(self.rejections, {**silent, **self.unasked})


async def plan(context: Context, task: TaskSpec) -> Plan:
    """Ask the clouds for offers and rank them. Raises BadInput for a cloud that is not installed."""
    alternatives = task.resources.alternatives
    usable = context.clouds.names()
    for alternative in alternatives:
        cloud = alternative.infra.cloud
        if cloud is not None and cloud not in usable:
            raise _unusable(context, cloud)
    unasked: dict[str, str] = {}
    offers = await asyncio.gather(*(_offers(context, a, usable, task.num_nodes, unasked) for a in alternatives))
    choices, rejections = rank(task.resources, offers, task.num_nodes)
    wanted = {alternative.infra.cloud for alternative in alternatives}
    asked = tuple(name for name in usable if name not in unasked and (None in wanted or name in wanted))
    if not choices:
        silent = set(asked) - {rejection.offer.cloud for rejection in rejections}
        rejections += await _everything(context, task, sorted(silent), unasked)
    return Plan(tuple(choices), tuple(rejections), unasked, asked)


def _unusable(context: Context, cloud: str) -> StyxError:
    """Why a task cannot have the cloud that it names."""
    allowed = context.config.allowed_clouds
    try:
        context.plugins.load("cloud", cloud)
    except PluginError as error:
        if error.status is None:  # no plugin has it: what is wrong is what the caller wrote
            return BadInput(error.message, hint=error.hint)
        return error
    return BadInput(
        f"cloud {cloud!r} is not in allowed_clouds ({', '.join(allowed or ()) or 'none is'})",
        hint="Change allowed_clouds in config.yaml to use it.",
    )


async def _offers(
    context: Context, alternative: Alternative, usable: Sequence[str], num_nodes: int, unasked: dict[str, str]
) -> list[Offer]:
    query = query_for(alternative, num_nodes)
    wanted = alternative.infra.cloud
    names = [name for name in usable if wanted in (None, name)]
    found = await asyncio.gather(*(_ask(context, name, query, unasked) for name in names))
    return [offer for offers in found for offer in offers]


async def _everything(
    context: Context, task: TaskSpec, silent: Sequence[str], unasked: dict[str, str]
) -> list[Rejection]:
    """What those clouds do sell that had no answer to the task, and why it does not fit."""
    found: list[Rejection] = []
    for name in silent:
        offers = await _ask(context, name, OfferQuery(), unasked)
        if not offers and name not in unasked:
            await _why_empty(context, name, unasked)
        mine = [a for a in task.resources.alternatives if a.infra.cloud in (None, name)]
        found += rank(ResourcesSpec(tuple(mine)), [offers] * len(mine), task.num_nodes)[1]
    return found


async def _ask(context: Context, name: str, query: OfferQuery, unasked: dict[str, str]) -> list[Offer]:
    try:
        account = context.clouds.get(name)

        def offers() -> list[Offer]:
            return answers.offers(account.cloud.offers(query), name)

        return await account.call(offers)
    except StyxError as error:  # a cloud that cannot be asked silences itself, not the others
        unasked[name] = error.message
    return []


async def _why_empty(context: Context, name: str, unasked: dict[str, str]) -> None:
    """A cloud that sells nothing at all may not be set up; asking who we are there tells."""
    try:
        await context.clouds.get(name).identity()
    except StyxError as error:
        unasked[name] = error.message
