"""What a cloud of the bazaar can beyond the contract's core, and the class that has just what its habits leave it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from styx.api import Node, NotFound, NotYet, Offer, Owner, Prepared, Receipt, Scope, SelfStop, StartRequest
from styx.testing.bazaar import life, shown
from styx.testing.bazaar.cloud import BazaarCloud
from styx.testing.bazaar.habits import Habits
from styx.testing.bazaar.state import Machine

_NAMED = "BazaarCloud_"
_KIND = Habits().to_data()


class _Stops(BazaarCloud):
    """Machines can be stopped and started."""

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Switch off all machines of the attempt."""
        self._must_be_ours(owner)
        with self._call("stop") as turn:
            self._must_reach_all(turn, scope)
            for machine in self._machines_of(turn, scope, owner, receipts):
                if machine.going is None:
                    life.switch_off(turn.state, machine, turn.now, "user")

    def prepare_start(self, request: StartRequest) -> Prepared:
        """Write down which machines to switch on."""
        with self._call("prepare_start") as turn:
            self._must_reach_all(turn, request.scope)
            ids = {}
            for machine in self._machines_of(turn, request.scope, request.owner, request.receipts):
                rank = self._rank_of(machine, request.receipts)
                if rank in request.ranks and machine.going is None:
                    ids[str(rank)] = machine.id
        if len(ids) < len(request.ranks):
            raise NotFound(f"some of the stopped machines of {request.owner.name} are gone")
        return Prepared(
            request.owner, request.scope, request.ranks, json.dumps({"action": "start", "ids": ids}, sort_keys=True)
        )

    def _rank_of(self, machine: Machine, receipts: Sequence[Receipt]) -> int | None:
        known = self._identify(machine)
        if known is not None:
            return known[1]
        named = {id_: rank for receipt in receipts for rank, id_ in receipt.node_ids.items()}
        return named.get(machine.id)


class _SelfStops(BazaarCloud):
    """A guest that shuts itself down is not billed any more."""

    def self_stop_command(self, node: Node, mode: SelfStop) -> str:
        """Leave the wish where the market looks for it."""
        del node
        return f'printf %s {mode.value} > "$HOME/{life.SHUTDOWN_FILE}"'


class _Spots(BazaarCloud):
    """Machines can be bought at spot prices."""

    def preemption_notice_command(self, offer: Offer) -> str | None:
        """Look for the file in which the notice comes."""
        del offer
        return f'test -e "$HOME/{life.NOTICE_FILE}"' if shown.gives_notice(self.habits) else None


class _Ports(BazaarCloud):
    """Ports can be opened."""

    def open_ports(self, scope: Scope, owner: Owner, ports: Collection[int]) -> None:
        """Remember the ports."""
        self._must_be_ours(owner)
        with self._call("open_ports") as turn:
            self._must_reach_all(turn, scope)
            for machine in self._machines_of(turn, scope, owner, ()):
                machine.ports = sorted({*machine.ports, *ports})

    def port_address(self, node: Node, port: int) -> str:
        """The node's own address, or where the port is mapped to. Worked out from the id, as such panels do."""
        return shown.port_address(node, port, self.habits)


class _Discards(BazaarCloud):
    """Single machines can be removed."""

    def discard(self, scope: Scope, owner: Owner, node_ids: Collection[str]) -> None:
        """Remove those of these machines that are the attempt's, with what they leave."""
        self._must_be_ours(owner)
        with self._call("discard") as turn:
            self._must_reach_all(turn, scope)
            receipt = Receipt("", dict(enumerate(node_ids)))
            meant = [m.id for m in self._machines_of(turn, scope, owner, [receipt]) if m.id in node_ids]
            life.remove(turn.state, self.habits, meant, turn.now)
            parts = [p for p in self._parts_of(turn, scope, owner, set(node_ids)) if p.machine in node_ids]
            blocked = life.remove_parts(turn.state, parts, turn.now)
        if blocked and self.habits.not_yet:
            raise NotYet(1.0, f"{', '.join(part.id for part in blocked)} to go")


@cache
def bazaar(habits: Habits) -> type[BazaarCloud]:
    """The class of the cloud that has these habits, with the capabilities they leave it."""
    capabilities: list[type[BazaarCloud]] = [_Spots, _Ports]
    if not habits.no_stop:
        capabilities.append(_Stops)
    if not habits.billed_when_off:
        capabilities.append(_SelfStops)
    if not habits.no_discard:
        capabilities.append(_Discards)
    told = {name: value for name, value in habits.to_data().items() if value != _KIND[name]}
    name = _NAMED + json.dumps(told).encode().hex()
    body: dict[str, Any] = {"traits": habits.traits, "habits": habits, "__module__": __name__, "__doc__": str(told)}
    return type(name, tuple(capabilities), body)


def __getattr__(name: str) -> type[BazaarCloud]:
    """The class of that name: it says which habits, so that another process finds the same one."""
    if not name.startswith(_NAMED):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return bazaar(Habits.from_data(json.loads(bytes.fromhex(name.removeprefix(_NAMED)))))
