"""Whether what an observation tells for people can be shown and added up.

Raises TypeError or ValueError, which the guard around the look turns into an error that names the plugin.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from styx.api.nodes import Leftover, Node, Observation
from styx.api.offers import Scope


def places(answer: Iterable[Scope]) -> list[Scope]:
    """The answer of ``scopes``, read to its end."""
    found: list[Scope] = list(answer)
    for scope in found:
        if not isinstance(scope, Scope):  # whatever it says it returns
            raise TypeError(f"one of scopes() is {scope!r:.60}, which is no Scope")
    return found


def presentable(seen: Observation) -> Observation:
    """What was observed, once it is known to be fit for a table: its texts, moments and prices are what they say."""
    for node in seen.nodes:
        _presentable(node)
    for leftover in seen.leftovers:
        _is_text(leftover.id, "Leftover.id")
        _is_text(leftover.kind, "Leftover.kind")
        _is_price(leftover)
    return seen


def _presentable(node: Node) -> None:
    _is_text(node.evidence, "Node.evidence")
    if node.created_at is not None and node.created_at.utcoffset() is None:
        raise ValueError(f"Node.created_at is {node.created_at}, which has no time zone")


def _is_text(value: object, what: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{what} is {value!r:.60}, which is no text")


def _is_price(leftover: Leftover) -> None:
    cost: object = leftover.hourly_cost
    if cost is None or (isinstance(cost, int | Decimal) and Decimal(cost).is_finite() and cost >= 0):
        return
    raise ValueError(f"Leftover.hourly_cost is {cost!r:.60}, which is no price: it must be a Decimal, 0 or more")
