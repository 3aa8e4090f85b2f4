"""Whether what a cloud answers is what the contract says, before anything is decided from it.

A plugin that answers nonsense must not take the command down with it, nor the other clouds. What is wrong raises
TypeError or ValueError, which the guard around every call turns into an error that names the plugin.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from styx.api.cloud import Identity
from styx.api.errors import ProviderError
from styx.api.launch import Prepared, Receipt
from styx.api.names import Owner
from styx.api.nodes import Endpoint, LaunchOutcome, Leftover, Node, NodeState, Observation
from styx.api.offers import Accelerator, Offer, Scope


def identity(answer: object) -> Identity:
    """The answer of ``check``."""
    found: Identity = _is(answer, Identity, "check()")
    _text(found.account, "Identity.account")
    return found


def offers(answer: Iterable[object], cloud: str) -> list[Offer]:
    """The answer of ``offers``, read to its end; ``cloud`` is who was asked."""
    return [_offer(each, cloud) for each in answer]


def scopes(answer: Iterable[object]) -> list[Scope]:
    """The answer of ``scopes``, read to its end."""
    return [_is(each, Scope, "one of scopes()") for each in answer]


def prepared(answer: object) -> Prepared:
    """The answer of ``prepare`` and ``prepare_start``."""
    found: Prepared = _is(answer, Prepared, "prepare()")
    _is(found.owner, Owner, "Prepared.owner")
    _text(_is(found.scope, Scope, "Prepared.scope").name, "Scope.name")
    for rank in found.ranks:
        _is(rank, int, "Prepared.ranks")
    _is(found.payload, str, "Prepared.payload")
    _text(found.token, "Prepared.token")
    return found


def receipt(answer: object) -> Receipt:
    """The answer of ``launch``. Whatever it is, something may have been made."""
    found: Receipt = _is(answer, Receipt, "launch()")
    for rank, node_id in _is(found.node_ids, Mapping, "Receipt.node_ids").items():
        _is(rank, int, "a rank in Receipt.node_ids")
        _text(node_id, "a node in Receipt.node_ids")
    _price(found.hourly_cost, "Receipt.hourly_cost")
    for name, value in _is(found.data, Mapping, "Receipt.data").items():
        _is(name, str, "a name in Receipt.data")
        _is(value, str, f"{name!r} in Receipt.data")
    return found


def named(answer: object, token: str) -> Receipt | None:
    """What an answer of ``launch`` names machines with, however wrong the rest is; None where it names none.

    Whoever answers so has made them, and perhaps nothing else tells whose they are. Ids under what is no rank, or are
    numbers, count too: as text, and under a rank that is free.
    """
    ids = getattr(answer, "node_ids", None)
    told = [(rank, str(id_)) for rank, id_ in (ids.items() if isinstance(ids, Mapping) else ()) if _is_id(id_)]
    ranked = {rank: id_ for rank, id_ in told if type(rank) is int}
    others = [id_ for rank, id_ in told if type(rank) is not int]
    free = (rank for rank in range(len(told)) if rank not in ranked)
    found = {**ranked, **dict(zip(free, others, strict=False))}
    data = getattr(answer, "data", None)
    kept = data.items() if isinstance(data, Mapping) else ()
    texts = {name: value for name, value in kept if isinstance(name, str) and isinstance(value, str)}
    return Receipt(token, found, data=texts) if found else None


def observation(answer: object) -> Observation:
    """The answer of ``observe``. Nothing is taken as gone because it could not be read, shown or added up."""
    found: Observation = _is(answer, Observation, "observe()")
    _is(found.scope, Scope, "Observation.scope")
    _is(found.as_of, datetime, "Observation.as_of")
    for node in found.nodes:
        _node(node)
    for leftover in found.leftovers:
        _is(_is(leftover, Leftover, "one of Observation.leftovers").owner, Owner | None, "Leftover.owner")
        _is(leftover.id, str, "Leftover.id")
        _is(leftover.kind, str, "Leftover.kind")
        _price(leftover.hourly_cost, "Leftover.hourly_cost")
    for outcome in found.launches:
        _is(outcome, LaunchOutcome, "one of Observation.launches")
        _is(outcome.token, str, "LaunchOutcome.token")
        _is(outcome.owner, Owner, "LaunchOutcome.owner")
        _is(outcome.error, ProviderError | None, "LaunchOutcome.error")  # it is raised as it is
    for name in found.unreachable:
        _is(name, str, "one of Observation.unreachable")
    return found


def ours(seen: Observation, scope: Scope, installation: str) -> Observation:
    """What an observation shows of this installation, each machine once; asked of ``scope``.

    What somebody else has made is none of our business, whatever made a plugin list it. Raises ValueError when it is
    about another place: everything on record here would pass for gone, and everything there for unknown.
    """
    if seen.scope != scope:
        raise ValueError(f"asked for {scope.name!r} it tells of {seen.scope.name!r}")
    nodes = {node.id: node for node in reversed(seen.nodes) if _by(node.owner, installation)}
    leftovers = tuple(rest for rest in seen.leftovers if _by(rest.owner, installation))
    return replace(seen, nodes=tuple(reversed(nodes.values())), leftovers=leftovers)


def _is_id(value: object) -> bool:
    return value != "" and isinstance(value, str | int) and not isinstance(value, bool)


def _by(owner: Owner | None, installation: str) -> bool:
    """Whether it may be of this installation: what has no owner may be anybody's."""
    return owner is None or owner.installation == installation


def _offer(answer: object, cloud: str) -> Offer:
    offer: Offer = _is(answer, Offer, "one of offers()")
    if offer.cloud != cloud:
        raise ValueError(f"it offers a machine of another cloud, {offer.cloud!r}")
    _text(_is(offer.scope, Scope, "Offer.scope").name, "Scope.name")
    _text(offer.instance_type, "Offer.instance_type")
    _is(offer.region, str, "Offer.region")
    _is(offer.zone, str | None, "Offer.zone")
    _amount(offer.vcpus, "Offer.vcpus")
    _amount(offer.memory_gib, "Offer.memory_gib")
    for device in offer.accelerators:
        _text(_is(device, Accelerator, "one of Offer.accelerators").name, "Accelerator.name")
        _amount(device.count, "Accelerator.count")
        _amount(device.memory_gib, "Accelerator.memory_gib")
    _price(offer.hourly_price, "Offer.hourly_price")
    _price(offer.spot_hourly_price, "Offer.spot_hourly_price")
    _is(offer.available, int | None, "Offer.available")
    _is(offer.disk_gib, int | None, "Offer.disk_gib")
    _is(offer.capabilities, frozenset | set, "Offer.capabilities")
    return offer


def _node(answer: object) -> None:
    node: Node = _is(answer, Node, "one of Observation.nodes")
    _text(node.id, "Node.id")
    _is(node.owner, Owner | None, "Node.owner")
    _is(node.instance_type, str, "Node.instance_type")
    _moment(node.created_at, "Node.created_at")
    _is(node.region, str, "Node.region")
    _is(node.zone, str | None, "Node.zone")
    _is(node.state, NodeState, "Node.state")
    _is(node.evidence, str, "Node.evidence")
    _is(node.rank, int | None, "Node.rank")
    for address in (node.private_ip, node.public_ip):
        _is(address, str | None, "an address of a Node")
    _price(node.hourly_cost, "Node.hourly_cost")
    if node.endpoint is not None:
        _text(_is(node.endpoint, Endpoint, "Node.endpoint").kind, "Endpoint.kind")
        for name, value in node.endpoint.options.items():
            _is(value, str, f"option {name!r} of Node.endpoint")


def _is(value: Any, kind: Any, what: str) -> Any:
    if not isinstance(value, kind):
        wanted = getattr(kind, "__name__", str(kind))
        raise TypeError(f"{what} is {_shown(value)}, which is no {wanted}")
    return value


def _text(value: object, what: str) -> None:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{what} is {_shown(value)}, which is no name")


def _amount(value: object, what: str) -> None:
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{what} is {_shown(value)}, which is no amount")


def _moment(value: object, what: str) -> None:
    moment: datetime | None = _is(value, datetime | None, what)
    if moment is not None and moment.utcoffset() is None:
        raise ValueError(f"{what} is {moment}, which has no time zone")


def _price(value: object, what: str) -> None:
    """None is a price that is not known; a whole number is as exact as a Decimal."""
    if value is None:
        return
    if not isinstance(value, int | Decimal) or not Decimal(value).is_finite() or value < 0:
        raise ValueError(f"{what} is {_shown(value)}, which is no price: it must be a Decimal, 0 or more")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."  # noqa: PLR2004 - enough to find it by
