"""Which offers satisfy a task, cheapest first, and for each that does not the one requirement that ruled it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from styx.api.offers import OfferQuery
from styx.optimizer.lots import Choice, Lot, Rejection, label
from styx.optimizer.nearest import Closest, Near, nearest, thinned
from styx.optimizer.rules import Judge, Miss, Rule, leaves_open, usual_size, why_not
from styx.spec.devices import wants_memory
from styx.spec.model import Alternative, ResourcesSpec

__all__ = [
    "Choice",
    "Judge",
    "Lot",
    "Miss",
    "Near",
    "Rejection",
    "Rule",
    "label",
    "leaves_open",
    "nearest",
    "query_for",
    "rank",
    "thinned",
    "why_not",
]

CHEAPEST = 12  # of each zone, where nothing but size and price counts: some are burstable, some have devices


def query_for(alternative: Alternative, num_nodes: int, *, usual: bool = False) -> OfferQuery:
    """The question to ask a cloud: never narrower than what a :class:`Judge` accepts of machines rented as a whole.

    Divided machines are judged by what was asked for alone, and a cloud that has them answers with all of them.
    """
    cpus, memory = usual_size(alternative) if usual else (alternative.cpus, alternative.memory)
    least = memory if memory and not memory.per_cpu else None
    alone = leaves_open(alternative) and alternative.local_disk is None and not (memory and memory.per_cpu)
    return OfferQuery(
        vcpus=cpus.value if cpus else None,
        memory_gib=least.value if least else None,
        accelerators=tuple(device for device in alternative.accelerators if not wants_memory(device)),
        instance_type=alternative.instance_type,
        region=alternative.infra.region,
        zone=alternative.infra.zone,
        spot=alternative.use_spot,
        num_nodes=num_nodes,
        named=alternative.infra.cloud is not None,
        vcpus_at_most=cpus.value if cpus and not cpus.at_least else None,
        memory_gib_at_most=least.value if least and not least.at_least else None,
        cheapest=CHEAPEST if alone else None,
    )


def rank(
    resources: ResourcesSpec, lots: Sequence[Iterable[Lot]], num_nodes: int, *, usual: bool = False
) -> tuple[list[Choice], list[Rejection]]:
    """Split the offers found for each alternative into choices, best first, and rejections.

    ``lots`` holds one collection per alternative, in the same order; ``usual`` asks for a usual machine where an
    alternative leaves it open (see :mod:`styx.optimizer.rules`). Ordered alternatives keep their order and are
    sorted by price within; otherwise price decides alone. Ties go by cloud, account, place and type, so the result is
    stable. Of each source's rejections only those are told that came closest, one for each name that they fail on.
    """
    choices: list[tuple[tuple[object, ...], Choice]] = []
    closest = Closest()
    for position, (alternative, found) in enumerate(zip(resources.alternatives, lots, strict=True)):
        judge, spot = Judge(alternative, num_nodes, usual=usual), alternative.use_spot
        for offer, account in found:
            rule = judge.failed(offer)
            if rule is not None:
                closest.add(judge, rule, offer, account)
                continue
            price = offer.price(spot=spot)
            choice = Choice(offer, alternative, None if price is None else price * num_nodes, account)
            key = (
                position if resources.ordered else 0,
                judge.spoils(offer),
                price is None,
                price or Decimal(0),
                offer.cloud,
                account,
                offer.scope.name,
                offer.zone or "",
                offer.vcpus,
                offer.instance_type,
            )
            choices.append((key, choice))
    choices.sort(key=lambda pair: pair[0])
    return [choice for _, choice in choices], closest.rejections()
