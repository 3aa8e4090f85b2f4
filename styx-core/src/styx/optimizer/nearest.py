"""What comes closest to a task among the offers that do not fit it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from styx.api.offers import Accelerator, Offer
from styx.optimizer.lots import Lot, Rejection, label
from styx.optimizer.rules import Judge, Miss, Rule
from styx.spec.devices import satisfies
from styx.spec.model import Alternative, Amount, ResourcesSpec

_Order = tuple[object, ...]
_FAR = float("inf")


class _Kept(NamedTuple):
    far: float
    order: _Order
    judge: Judge
    offer: Offer
    account: str


@dataclass(slots=True)
class Closest:
    """Of each source the offers that failed the latest rule: the nearest for each name that they failed on.

    Nothing is put into words before it is asked for: there may be a hundred thousand offers.
    """

    _rules: dict[str, Rule] = field(default_factory=dict)
    _kept: dict[str, dict[object, _Kept]] = field(default_factory=dict)

    def add(self, judge: Judge, rule: Rule, offer: Offer, account: str) -> None:
        """Take note of an offer that fails a rule first."""
        source = label(offer.cloud, account)
        furthest = self._rules.get(source)
        if furthest is None or rule > furthest:
            self._rules[source] = rule
            self._kept[source] = {}
        elif rule < furthest:
            return
        name, far = _name(rule, offer), distance(judge, rule, offer)
        kept = self._kept[source].get(name)
        if kept is not None and far > kept.far:
            return
        order = _by_price(offer, spot=judge.wanted.use_spot)
        if kept is None or (far, order) < (kept.far, kept.order):
            self._kept[source][name] = _Kept(far, order, judge, offer, account)

    def rejections(self) -> list[Rejection]:
        """Them, in words, nearest first."""
        return [
            Rejection(each.offer, miss.reason, miss, each.account)
            for source, kept in self._kept.items()
            for each in sorted(kept.values(), key=lambda each: (each.far, each.order))
            for miss in (each.judge.miss(self._rules[source], each.offer),)
        ]


def _name(rule: Rule, offer: Offer) -> object:
    """What is told apart among offers that fail a rule: the names that there are instead."""
    if rule is Rule.REGION:
        return offer.region
    if rule is Rule.ZONE:
        return offer.zone
    if rule is Rule.INSTANCE_TYPE:
        return offer.instance_type
    return (offer.instance_type, offer.scope) if rule is Rule.AVAILABLE else None


@dataclass(frozen=True, slots=True)
class Near:
    """The offer of a source that misses the fewest requirements of any alternative, and which: one, where one is all.

    No ``misses``: it fits.
    """

    offer: Offer
    alternative: Alternative
    misses: tuple[Miss, ...]
    account: str

    @property
    def source(self) -> str:
        """The cloud, and the account where it has a name, for people."""
        return label(self.offer.cloud, self.account)


def thinned(alternatives: Sequence[Alternative], found: Iterable[Lot]) -> list[list[Lot]]:
    """The same offers for each alternative, as :func:`nearest` and rejections are found among, without most of them.

    Of those that differ in nothing but prices, and places that it does not name, it is the cheapest that comes closest.
    """
    found = list(found)
    kept: dict[tuple[bool, bool, bool], list[Lot]] = {}
    looks = [(each.use_spot, each.infra.region is not None, each.infra.zone is not None) for each in alternatives]
    for look in looks:
        if look not in kept:
            kept[look] = _cheapest(found, *look)
    return [kept[look] for look in looks]


def _cheapest(found: Sequence[Lot], spot: bool, by_region: bool, by_zone: bool) -> list[Lot]:
    best: dict[tuple[object, ...], tuple[_Order, int]] = {}
    for position, (offer, account) in enumerate(found):
        kind = (
            offer.cloud, account, offer.instance_type, offer.vcpus, offer.memory_gib, offer.accelerators, offer.arch,
            offer.disk_gib, offer.capabilities, offer.available, offer.available is None or offer.scope,
            by_region and offer.region, by_zone and offer.zone,
        )  # fmt: skip
        order = _by_price(offer, spot=spot)
        if kind not in best or order < best[kind][0]:
            best[kind] = order, position
    return [found[position] for position in sorted(position for _, position in best.values())]


def nearest(
    resources: ResourcesSpec, lots: Sequence[Iterable[Lot]], num_nodes: int, *, usual: bool = False
) -> list[Near]:
    """For each source the offer that would fit if the least were changed, the nearest source first.

    ``lots`` as for :func:`styx.optimizer.rank.rank`, from a question that leaves nothing out.
    """
    best: dict[str, tuple[_Order, Judge, Offer, str, Alternative, list[Rule]]] = {}
    for alternative, found in zip(resources.alternatives, lots, strict=True):
        judge = Judge(alternative, num_nodes, usual=usual)
        for offer, account in found:
            rules = judge.all_failed(offer)
            source = label(offer.cloud, account)
            if source in best and len(rules) > len(best[source][5]):
                continue
            order = (
                len(rules),
                *(distance(judge, rule, offer) for rule in reversed(rules)),
                *_by_price(offer, spot=alternative.use_spot),
            )
            if source not in best or order < best[source][0]:
                best[source] = order, judge, offer, account, alternative, rules
    return [
        Near(offer, alternative, tuple(judge.miss(rule, offer) for rule in rules), account)
        for _, judge, offer, account, alternative, rules in sorted(best.values(), key=lambda each: each[0])
    ]


def distance(judge: Judge, rule: Rule, offer: Offer) -> float:
    """How far an offer is from passing a rule, to compare it with others that fail the same."""
    wanted = judge.wanted
    if rule is Rule.SIZE:
        cpus, memory = judge.size(offer)
        return _short(cpus, offer.vcpus) + _short(memory, offer.memory_gib)
    if rule is Rule.ACCELERATORS:
        return sum(_unlike(device, offer.accelerators) for device in wanted.accelerators)
    if rule is Rule.PRICE:
        price = offer.price(spot=wanted.use_spot)
        return _FAR if price is None else float(price)
    if rule is Rule.AVAILABLE:
        return -float(offer.available or 0)
    return 0.0


def _short(wanted: Amount | None, has: float) -> float:
    """Which part of what is wanted is missing, or is too much."""
    return (
        0.0 if wanted is None or (wanted.at_least and has >= wanted.value) else abs(has - wanted.value) / wanted.value
    )


def _unlike(wanted: Accelerator, devices: Iterable[Accelerator]) -> float:
    """0 for the same, below 1 for another count of the same, above for another device, most for none."""
    found = [3.0]
    for device in devices:
        count = abs(device.count - wanted.count) / max(device.count, wanted.count)
        found.append(count if satisfies(wanted, device) else 1 + _other(wanted, device) + count / 2)
    return min(found)


def _other(wanted: Accelerator, device: Accelerator) -> float:
    """Between another device of the same family (``A100``, ``A100-80GB``), and one of which nothing is the same."""
    if wanted.name.partition("-")[0].lower() == device.name.partition("-")[0].lower():
        return 0.0
    if wanted.memory_gib and device.memory_gib:
        return abs(wanted.memory_gib - device.memory_gib) / max(wanted.memory_gib, device.memory_gib)
    return 1.0


def _by_price(offer: Offer, *, spot: bool) -> _Order:
    price = offer.price(spot=spot)
    return price is None, price or Decimal(0), offer.cloud, offer.scope.name, offer.zone or "", offer.instance_type
