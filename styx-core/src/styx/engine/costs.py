"""Prices as the provider tells them of machines that are there: they may have changed with a stop or a start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from styx.api.nodes import Leftover, Node, NodeState
from styx.engine.context import Context


def total(things: Iterable[Node | Leftover]) -> Decimal | None:
    """USD per hour for all of them; None when the price of any is unknown."""
    costs = [thing.hourly_cost for thing in things]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))


def note(context: Context, name: str, nodes: Sequence[Node], surplus: Sequence[Node] = ()) -> None:
    """Record what a cluster that we hold costs now, running or stopped, where that is known of every node of it.

    ``surplus`` are machines that it has too many.
    """
    record = context.store.clusters.get(name)
    cost = total((*nodes, *surplus))
    if record is None or len(nodes) != record.num_nodes or cost is None:
        return
    states = {node.state for node in nodes}
    if states == {NodeState.STOPPED} and cost != record.disk_hourly_cost:
        context.store.clusters.update(name, holder=context.holder, disk_hourly_cost=cost)
    elif states == {NodeState.RUNNING} and cost != record.hourly_cost:
        context.store.clusters.update(name, holder=context.holder, hourly_cost=cost)
