"""A local node as the contract describes nodes."""

from __future__ import annotations

from styx.api import Billing, Cause, Endpoint, Node, NodeState
from styx.builtin.local.machine import FREE, INSTANCE_TYPE
from styx.builtin.local.nodes import BY_ITSELF, BY_USER, RUNNING, STOPPED, STOPPING, TERMINATING, LocalNode

ADDRESS = "127.0.0.1"
_STATES = {
    RUNNING: NodeState.RUNNING,
    STOPPING: NodeState.STOPPING,
    STOPPED: NodeState.STOPPED,
    TERMINATING: NodeState.TERMINATING,
}
_CAUSES = {BY_USER: Cause.USER, BY_ITSELF: Cause.SELF}


def as_node(node: LocalNode) -> Node:
    """What the directory tells, in the contract's words; only a running node can be reached."""
    running = node.state == RUNNING
    # A removal goes on only when somebody asks again: until then the node counts for as much as when it ran.
    leaving = node.state == TERMINATING
    endpoint = Endpoint("process", {"home": str(node.home), "node": node.name}) if running else None
    return Node(
        id=node.name,
        owner=node.owner,
        state=_STATES[node.state],
        rank=node.rank,
        name=node.name,
        cause=_CAUSES.get(node.cause, Cause.UNKNOWN),
        evidence="" if running else f"{node.path}/state says {node.state} by {node.cause or 'nobody'}",
        endpoint=endpoint,
        private_ip=ADDRESS if running else None,
        billing=Billing.FULL if leaving else Billing.NONE,
        hourly_cost=FREE,
        token=node.token,
        instance_type=INSTANCE_TYPE,
    )
