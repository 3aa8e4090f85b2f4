"""From a task's wishes to the offers that would do, best first, by asking every cloud that may be used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from styx.api.errors import BadInput, NoOffer, StyxError
from styx.api.offers import Offer
from styx.engine import answers
from styx.engine.context import Context
from styx.optimizer.rank import Choice, Rejection, query_for, rank
from styx.spec.model import Alternative, TaskSpec


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
        reasons = dict(self.unasked)
        for rejection in self.rejections:
            reasons.setdefault(rejection.offer.cloud, f"{rejection.offer.instance_type}: {rejection.reason}")
        for cloud in self.asked:
            reasons.setdefault(cloud, "has nothing like it")
        story = "".join(f"\n  {cloud}: {reason}" for cloud, reason in sorted(reasons.items()))
        raise NoOffer(
            f"nothing that can be rented fits the task{story or ': no cloud is usable'}",
            hint="`styx check` shows which clouds can be used; loosen the resources or add a cloud.",
            reasons=reasons,
        )


async def plan(context: Context, task: TaskSpec) -> Plan:
    """Ask the clouds for offers and rank them. Raises BadInput for a cloud that is not installed."""
    alternatives = task.resources.alternatives
    usable = context.clouds.names()
    for alternative in alternatives:
        cloud = alternative.infra.cloud
        if cloud is not None and cloud not in usable:
            installed = ", ".join(usable) or "none"
            raise BadInput(
                f"cloud {cloud!r} is not installed or not allowed (usable: {installed})",
                hint="`styx plugins list` shows what is installed and why a plugin cannot be used.",
            )
    unasked: dict[str, str] = {}
    offers = await asyncio.gather(*(_offers(context, a, usable, task.num_nodes, unasked) for a in alternatives))
    choices, rejections = rank(task.resources, offers, task.num_nodes)
    wanted = {alternative.infra.cloud for alternative in alternatives}
    asked = tuple(name for name in usable if name not in unasked and (None in wanted or name in wanted))
    return Plan(tuple(choices), tuple(rejections), unasked, asked)


async def _offers(
    context: Context, alternative: Alternative, usable: Sequence[str], num_nodes: int, unasked: dict[str, str]
) -> list[Offer]:
    query = query_for(alternative, num_nodes)
    wanted = alternative.infra.cloud
    names = [name for name in usable if wanted in (None, name)]

    async def ask(name: str) -> list[Offer]:
        try:
            account = context.clouds.get(name)

            def offers() -> list[Offer]:
                return answers.offers(account.cloud.offers(query), name)

            return await account.call(offers)
        except StyxError as error:  # a cloud that cannot be asked silences itself, not the others
            unasked[name] = error.message
        return []

    found = await asyncio.gather(*(ask(name) for name in names))
    return [offer for offers in found for offer in offers]
