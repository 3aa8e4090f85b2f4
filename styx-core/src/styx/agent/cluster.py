"""The nodes of this cluster as its head knows them: how to reach each, what each has, and who holds it."""

from __future__ import annotations

import time

from . import check, loop
from .ledger import Ledger
from .peers import Member, Peer
from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .node import Node

RETRY = 0.2  # seconds before the second attempt to reach a node; then ever longer
SLOWEST = 10.0
MAX_DEVICES = 1000  # of one node


class Cluster:
    """``on_learned`` is called when it is known of all nodes what they have, or why that cannot be learnt."""

    def __init__(self, node: Node, here: Member, patience: float, on_learned: Callable[[], None]) -> None:
        self._node = node
        self._here = here
        self._on_learned = on_learned
        self._peers: dict[int, Peer] = {}
        self._learning: loop.Task | None = None
        self.patience = patience
        self.ledger = Ledger()
        self.unknown: set[int] = set()
        self.unreachable: dict[int, str] = {}  # of the unknown ones, why

    def configure(self) -> None:
        """Take up the node's configuration, new or changed."""
        config = self._node.config
        if config is None or config["rank"] != 0:
            return
        facts = self._node.facts
        self.ledger.set_node(0, facts["cpus"], [device["index"] for device in facts["gpus"]])
        for number in range(1, max([config["num_nodes"], *self._peers]) + 1):
            address = config["peers"].get(str(number)) if number < config["num_nodes"] else None
            peer = self._peers.get(number)
            if peer is not None and peer.address != address:
                self._peers.pop(number).close()
                self.ledger.drop_node(number)
            if address is not None and number not in self._peers:
                self._peers[number] = Peer(number, address)
                self.unknown.add(number)
        self.unknown &= set(self._peers)
        self.unreachable = {}
        self.learn()

    def member(self, number: int) -> Member:
        """Return the node with this number; raises AgentError when the cluster has none."""
        if number == 0:
            return self._here
        if number not in self._peers:
            raise AgentError("unreachable", f"the cluster has no node {number} any more")
        return self._peers[number]

    def peers(self) -> list[Peer]:
        """Return all nodes but this one."""
        return list(self._peers.values())

    def forget(self, number: int) -> None:
        """Place nothing on a node that could not be reached, until it has answered again."""
        if number in self._peers:
            self.ledger.drop_node(number)
            self.unknown.add(number)

    def learn(self) -> None:
        """Begin to ask the nodes of which nothing is known, unless that goes on already."""
        if self.unknown and self._learning is None:
            self._learning = loop.spawn(self._learn())

    async def _learn(self) -> None:
        self.unreachable = {}
        await loop.gather([self._ask(self._peers[number]) for number in sorted(self.unknown)])
        self._learning = None
        self._on_learned()

    async def _ask(self, peer: Peer) -> None:
        deadline, delay = time.monotonic() + self.patience, RETRY
        while True:
            try:
                hello = await peer.call("hello", {"protocol": 1, "client": "head"})
                self._learned(peer, hello)
                return
            except AgentError as error:
                if time.monotonic() > deadline:
                    self.unreachable[peer.number] = error.message
                    return
            await loop.sleep(delay)
            delay = min(delay * 2, SLOWEST)

    def _learned(self, peer: Peer, hello: dict[str, Any]) -> None:
        if self._peers.get(peer.number) is not peer:
            return  # the configuration has changed in the meantime
        if "cpus" not in hello:
            raise AgentError("internal", "it does not say what it has")
        cpus = check.number(hello, "cpus")
        gpus = [check.integer(device, "index") for device in check.listing(hello, "gpus", dict, MAX_DEVICES) or []]
        self.ledger.set_node(peer.number, cpus, gpus)
        self.unknown.discard(peer.number)
        self._on_learned()
