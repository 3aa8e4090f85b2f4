"""This machine as a cloud: a node is a home of its own and the processes that carry its name.

Several nodes share the machine, its ports and its devices; nothing is installed and nothing needs root. The directories
are the truth about which nodes there are, /proc about what runs on them, and neither is looked at without need.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar

from styx.api import (
    Cloud,
    Conflict,
    Idempotency,
    Identity,
    InvalidRequest,
    LaunchRequest,
    Node,
    NotFound,
    Observation,
    Offer,
    OfferGone,
    OfferQuery,
    Owner,
    Prepared,
    Receipt,
    Scope,
    SelfStop,
    Services,
    StartRequest,
    Traits,
    Unsupported,
)
from styx.api.names import RANK_LIMIT
from styx.builtin.disk import refusals
from styx.builtin.local import machine, processes, selfstop
from styx.builtin.local.ending import end
from styx.builtin.local.machine import FREE, INSTANCE_TYPE, SCOPE
from styx.builtin.local.nodes import (
    BY_USER,
    RUNNING,
    STOPPED,
    STOPPING,
    TERMINATING,
    LocalNode,
    NodeDirectory,
)
from styx.builtin.local.view import ADDRESS, as_node
from styx.transports.process import user_name

_YEAR = 365 * 86400.0


class LocalCloud(Cloud):
    """Nodes on this machine. A launch and a start are replayed safely for as long as their directories are there."""

    name: ClassVar[str] = "local"
    traits: ClassVar[Traits] = Traits(
        Idempotency.NAME,
        token_lifetime=_YEAR,
        atomic_gang=True,
        confined=True,
        self_stop=frozenset(SelfStop),
        boot_deadline=30.0,
    )

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        # Resolved, for a node is known by its path: whoever comes to it by a link is to find the same processes.
        self._nodes = NodeDirectory((services.state_dir / "nodes").resolve(), services.installation)

    def check(self) -> Identity:
        """This machine and this user: a home on a network is seen from other machines, whose nodes these are not."""
        return Identity(f"{machine.machine_id()}-{os.getuid()}", user_name())

    def scopes(self) -> Iterable[Scope]:
        """This machine is one place."""
        return [SCOPE]

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        """The machine as it is, whether or not that is enough: core says what is missing."""
        del query
        return [machine.offer(self.name)]

    def prepare(self, request: LaunchRequest) -> Prepared:
        """Nothing needs to be resolved: a node is made from its name. Raises Unsupported for images and spot."""
        self._require_ours(request.owner)
        if (request.offer.scope, request.offer.instance_type) != (SCOPE, INSTANCE_TYPE):
            raise OfferGone(
                f"this machine does not offer {request.offer.instance_type!r} in {request.offer.scope.name!r}"
            )
        if not all(0 <= rank <= RANK_LIMIT for rank in request.ranks):
            raise InvalidRequest(f"a cluster has at most {RANK_LIMIT + 1} nodes", field="num_nodes")
        if request.image is not None:
            raise Unsupported(
                f"this machine runs as it is and cannot become {request.image!r}",
                hint="Leave image_id out, or choose another cloud with --infra.",
                capability="image",
            )
        if request.identity is not None:
            raise Unsupported("what runs on this machine acts as you do", capability="identity")
        if request.spot:
            raise Unsupported("this machine is not sold as spot", hint="Leave use_spot out.", capability="spot")
        return Prepared(request.owner, SCOPE, request.ranks, json.dumps({"action": "create"}))

    def launch(self, prepared: Prepared) -> Receipt:
        """Make the nodes, or start stopped ones; they run at once. May raise NotYet where a stop has to end first."""
        self._require_ours(prepared.owner)
        self._require_here(prepared.scope)
        payload = _read_payload(prepared)
        now = self.services.clock.now()
        with refusals(f"make {prepared.owner.name} on this machine"):
            self._nodes.sweep()
            if payload["action"] == "create":
                self._nodes.create(prepared.owner, prepared.ranks, prepared.token, now)
            else:
                self._start(prepared, payload["tokens"])
        ids = {rank: prepared.owner.node_name(rank) for rank in prepared.ranks}
        return Receipt(prepared.token, ids, hourly_cost=FREE)

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        """Read the directories. One that is gone is a node that is gone; one that cannot be read is unreachable."""
        self._require_here(scope)
        now = self.services.clock.now()
        with refusals("look at the nodes of this machine"):
            self._nodes.sweep()
            nodes, unreadable = self._nodes.read(owners)
        return Observation(scope, now, tuple(map(as_node, nodes)), unreachable=tuple(unreadable))

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """End the processes, then remove the directories. Raises NotYet while processes are still ending."""
        del receipts  # the name is enough to find everything
        self._require_here(scope)
        self._require_ours(owner)
        with refusals(f"remove {owner.name} from this machine"):
            # Also what runs on a node whose directory is damaged, or was removed by hand.
            alive = processes.of_nodes(lambda name: _is_of(name, owner), self._nodes.root)
            if alive:
                end(alive, self._nodes.read([owner])[0], TERMINATING, self._nodes, self.services.clock.now())
            self._nodes.remove(owner)

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """End the processes and keep the homes. Raises NotYet while processes are still ending."""
        del receipts
        self._require_here(scope)
        with refusals(f"stop {owner.name} on this machine"):
            nodes = [node for node in self._read_all(owner) if node.state in {RUNNING, STOPPING}]
            self._finish_stop(nodes)
            for node in nodes:
                self._nodes.mark(node, STOPPED, node.cause or BY_USER, self.services.clock.now())

    def prepare_start(self, request: StartRequest) -> Prepared:
        """The nodes must be there. Their present tokens are part of the intent, so that every start is another."""
        self._require_here(request.scope)
        with refusals(f"look at {request.owner.name} on this machine"):
            there = {node.rank: node for node in self._read_all(request.owner)}
        missing = [rank for rank in request.ranks if rank not in there]
        if missing:
            raise NotFound(f"{request.owner.node_name(missing[0])} is no longer on this machine")
        payload = {"action": "start", "tokens": {str(rank): there[rank].token for rank in request.ranks}}
        return Prepared(request.owner, SCOPE, request.ranks, json.dumps(payload, sort_keys=True))

    def self_stop_command(self, node: Node, mode: SelfStop) -> str:
        """A shell command that ends the node's processes, its caller last, and marks or removes its directory."""
        parsed = Owner.parse(node.id)
        if parsed is None or parsed[0] != node.owner or parsed[1] is None:
            raise NotFound(f"{node.id!r} is no node of this machine")
        owner, rank = parsed[0], parsed[1]
        self._require_ours(owner)
        path = self._nodes.root / owner.name / str(rank)
        return selfstop.command(LocalNode(owner, rank, path, node.token or "", RUNNING), mode)

    def open_ports(self, scope: Scope, owner: Owner, ports: Collection[int]) -> None:
        """Nothing is closed between this machine and itself; whether others reach it is its firewall's business."""
        del ports
        self._require_here(scope)
        self._require_ours(owner)

    def port_address(self, node: Node, port: int) -> str:
        """The port itself: all nodes share this machine's."""
        del node
        return f"{ADDRESS}:{port}"

    def _start(self, prepared: Prepared, tokens: dict[str, str]) -> None:
        owner, now = prepared.owner, self.services.clock.now()
        there = {node.rank: node for node in self._read_all(owner)}
        for rank in prepared.ranks:
            node = there.get(rank)
            if node is None or node.state == TERMINATING:
                raise NotFound(f"{owner.node_name(rank)} is no longer on this machine")
            if node.token not in {prepared.token, tokens.get(str(rank))}:
                raise Conflict(f"{node.name} was started by another client", owner=owner.name)
        nodes = [there[rank] for rank in prepared.ranks]
        self._finish_stop([node for node in nodes if node.state == STOPPING])
        for node in nodes:
            if (node.state, node.token) != (RUNNING, prepared.token):
                self._nodes.start(node, prepared.token, now)

    def _finish_stop(self, nodes: Sequence[LocalNode]) -> None:
        names = {node.name for node in nodes}
        alive = processes.of_nodes(names.__contains__, self._nodes.root) if names else {}
        if alive:
            end(alive, nodes, STOPPING, self._nodes, self.services.clock.now())

    def _read_all(self, owner: Owner) -> list[LocalNode]:
        """The nodes of an attempt. Raises InvalidRequest when one is there and cannot be read."""
        self._require_ours(owner)
        nodes, unreadable = self._nodes.read([owner])
        if unreadable:
            raise InvalidRequest(
                f"cannot read what {unreadable[0]} says of its node",
                hint="Check who owns it; `styx down` removes the node as it is.",
            )
        return nodes

    def _require_ours(self, owner: Owner) -> None:
        if owner.installation != self.services.installation:
            raise Conflict(f"{owner.name} belongs to another installation", owner=owner.name)

    @staticmethod
    def _require_here(scope: Scope) -> None:
        if scope != SCOPE:
            raise NotFound(f"there is no place {scope.name!r} on this machine", hint=f"There is only {SCOPE.name!r}.")


def _is_of(name: str, owner: Owner) -> bool:
    parsed = Owner.parse(name)
    return parsed is not None and parsed[0] == owner and parsed[1] is not None


def _read_payload(prepared: Prepared) -> dict[str, Any]:
    try:
        payload = json.loads(prepared.payload)
        if payload["action"] == "create" or (payload["action"] == "start" and isinstance(payload["tokens"], dict)):
            return dict(payload)
    except (ValueError, TypeError, KeyError):
        pass
    raise InvalidRequest(f"this is no launch for this machine: {prepared.payload[:80]!r}", field="payload")
