"""Prices as the provider tells them of machines that are there: they may have changed with a stop or a start."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from styx.api.nodes import Node, NodeState
from styx.engine.context import Context


def note(context: Context, name: str, nodes: Sequence[Node], surplus: Sequence[Node] = ()) -> None:
    """Record what a cluster that we hold costs now, running or stopped, where that is known of every node of it.

    ``surplus`` are machines that it has too many.
    """
    record = context.store.clusters.get(name)
    costs = [node.hourly_cost for node in (*nodes, *surplus) if node.hourly_cost is not None]
    if record is None or len(nodes) != record.num_nodes or len(costs) != len(nodes) + len(surplus):
        return
    total = sum(costs, Decimal(0))
    states = {node.state for node in nodes}
    if states == {NodeState.STOPPED} and total != record.disk_hourly_cost:
        context.store.clusters.update(name, holder=context.holder, disk_hourly_cost=total)
    elif states == {NodeState.RUNNING} and total != record.hourly_cost:
        context.store.clusters.update(name, holder=context.holder, hourly_cost=total)
