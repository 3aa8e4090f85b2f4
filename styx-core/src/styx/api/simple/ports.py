"""Ports for a simple cloud."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from styx.api.cloud import Idempotency
from styx.api.errors import NotFound, Unsupported
from styx.api.names import Owner
from styx.api.nodes import Node
from styx.api.offers import Scope
from styx.api.simple.cloud import SimpleCloud
from styx.api.simple.machine import Machine
from styx.api.simple.removing import Step, each_once


class SimplePorts(SimpleCloud):
    """A :class:`SimpleCloud` whose machines list their open ports in ``Machine.ports``; derive from this one too.

    Ports in an :class:`~styx.api.Order` are opened by ``create()``; ``takes`` then names "ports".
    """

    def open_machine(self, machine_id: str, ports: Collection[int]) -> None:
        """Open these ports of a machine that is there. By default they can only be ordered with it."""
        raise Unsupported(
            f"{self.name} opens ports only when a machine is made, and {machine_id} was made without {sorted(ports)}",
            hint="Name them under resources.ports before the launch.",
            capability="ports",
        )

    def open_ports(self, scope: Scope, owner: Owner, ports: Collection[int]) -> None:
        """Open what is not open yet."""
        self._must_exist(scope)
        self.require_ours(owner)
        if self.traits.idempotency is Idempotency.NONE:
            raise Unsupported(
                f"{self.name} cannot tell whose machines are whose, to open their ports", capability="ports"
            )
        turn = self.turn("open_ports")
        machines = [machine for machine, _ in self.owned(owner, self.recent(turn))]
        steps = [
            Step(
                f"opening ports of {one.name or one.id}", one.id, partial(self.open_machine, one.id, closed),
                {"ports": dict.fromkeys(closed, "") | dict(one.ports)},
            )
            for one in machines if (closed := sorted(set(ports) - set(one.ports)))
        ]  # fmt: skip
        each_once(self, self._memory, turn, steps)
        if steps:
            self._memory.forget_listing()

    def port_address(self, node: Node, port: int) -> str:
        """Where the listing says. Raises NotFound for a port that is not open."""
        for thing in self.recent(self.turn("port_address")):
            if isinstance(thing, Machine) and thing.id == node.id and port in thing.ports:
                return thing.ports[port]
        raise NotFound(f"port {port} of {node.name or node.id} is not open")
