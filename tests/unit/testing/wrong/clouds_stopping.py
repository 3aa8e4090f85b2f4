"""Clouds that break a rule about stopping, or about a further capability."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import contextlib
import json
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from clouds_base import HASTY, WRONG, Retouched

from styx.api import (
    Billing,
    Cause,
    Conflict,
    InvalidRequest,
    Node,
    NodeState,
    Offer,
    Owner,
    Prepared,
    Receipt,
    Scope,
    SelfStop,
    StartRequest,
    Traits,
)
from styx.testing.memory import MemoryCloud
from styx.testing.memory.account import Machine


@WRONG.breaks("test_stop_stops_every_node")
class StopsTheHead(MemoryCloud):
    """Rank 0 alone."""

    traits: ClassVar[Traits] = replace(HASTY, self_stop=frozenset(SelfStop))

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        for machine in self._machines_of(scope, owner):
            if machine.name == owner.node_name(0):
                self.account.stop(machine.id)


@WRONG.breaks("test_stopped_nodes_do_not_bill_in_full")
class BillsAsEver(Retouched):
    """Stopping saves nothing."""

    change: ClassVar[Mapping[str, Any]] = {"billing": Billing.FULL}


@WRONG.breaks("test_stop_again_succeeds")
class StopsOnce(MemoryCloud):
    """A conflict, the second time."""

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        if all(machine.state is NodeState.STOPPED for machine in self._machines_of(scope, owner)):
            raise Conflict("it is stopped already")
        super().stop(scope, owner, receipts)


@WRONG.breaks("test_stop_leaves_others_running")
class StopsEverything(MemoryCloud):
    """All machines of the installation."""

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        for machine, _, _ in self._ours(scope):
            self.account.stop(machine.id)


@WRONG.breaks("test_other_installations_are_not_stopped")
class StopsAnybodys(MemoryCloud):
    """Whosever it is."""

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        for machine in self.account.machines(scope.name, self._clock):
            known = self._identify(machine)
            if known is not None and known[0] == owner:
                self.account.stop(machine.id)


@WRONG.breaks("test_a_stop_is_no_preemption")
class BlamesTheMarket(MemoryCloud):
    """What is off was taken back."""

    def _node(self, machine: Machine, owner: Owner | None, rank: int | None) -> Node:
        node = super()._node(machine, owner, rank)
        return node if node.state is not NodeState.STOPPED else replace(node, cause=Cause.PREEMPTED)


@WRONG.breaks("test_what_is_gone_is_not_started")
class StartsTheDead(MemoryCloud):
    """Says that it was done."""

    def prepare_start(self, request: StartRequest) -> Prepared:
        ids = {str(rank): id_ for receipt in request.receipts for rank, id_ in receipt.node_ids.items()}
        payload = json.dumps({"action": "start", "ids": ids}, sort_keys=True)
        return Prepared(request.owner, request.scope, request.ranks, payload)

    def _start(self, prepared: Prepared, ids: Mapping[str, str]) -> Receipt:
        if self._machines_of(prepared.scope, prepared.owner):
            return super()._start(prepared, ids)
        return Receipt(prepared.token, {int(rank): id_ for rank, id_ in ids.items()})


@WRONG.breaks("test_a_start_can_be_repeated")
class StartsOnce(MemoryCloud):
    """A conflict, the second time."""

    def _start(self, prepared: Prepared, ids: Mapping[str, str]) -> Receipt:
        states = [machine.state for machine in self._machines_of(prepared.scope, prepared.owner)]
        if states and NodeState.STOPPED not in states:
            raise Conflict("it is started already")
        return super()._start(prepared, ids)


@WRONG.breaks("test_start_brings_the_same_ranks_back")
class StartsTheHead(MemoryCloud):
    """Rank 0 alone."""

    traits: ClassVar[Traits] = replace(HASTY, self_stop=frozenset(SelfStop))

    def _start(self, prepared: Prepared, ids: Mapping[str, str]) -> Receipt:
        return super()._start(prepared, {"0": ids["0"]})


@WRONG.breaks("test_start_is_byte_stable")
class UnsteadyStart(MemoryCloud):
    """A random number in the payload of a start."""

    def prepare_start(self, request: StartRequest) -> Prepared:
        prepared = super().prepare_start(request)
        payload = json.loads(prepared.payload) | {"nonce": secrets.token_hex(4)}
        return replace(prepared, payload=json.dumps(payload, sort_keys=True))


@WRONG.breaks("test_start_has_a_token_of_its_own")
class SameTokenForStart(MemoryCloud):
    """The launch's token, once more."""

    def prepare_start(self, request: StartRequest) -> Prepared:
        return replace(super().prepare_start(request), token=request.receipts[0].token)


@WRONG.breaks("test_disks_survive_a_stop")
class WipesDisks(MemoryCloud):
    """An empty machine after every stop."""

    homes = True

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        super().stop(scope, owner, receipts)
        for machine in self._machines_of(scope, owner):
            for path in machine.home.iterdir() if machine.home else ():
                path.unlink()


@WRONG.breaks("test_stopped_nodes_can_be_terminated", litters=True)
class KeepsTheStopped(MemoryCloud):
    """Lists the running ones only before removing."""

    traits: ClassVar[Traits] = replace(HASTY, self_stop=frozenset(SelfStop))

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        self._must_be_ours(owner)
        for machine in self._machines_of(scope, owner):
            if machine.state is not NodeState.STOPPED:
                self.account.delete(machine.id)


@WRONG.breaks("test_self_stop_is_declared_and_implemented")
class Undeclared(MemoryCloud):
    """Can stop itself and does not say so."""

    traits: ClassVar[Traits] = replace(MemoryCloud.traits, self_stop=frozenset())


@WRONG.breaks("test_self_stop_commands_are_shell_commands")
class ArgumentList(MemoryCloud):
    """A list where a command line is meant."""

    def self_stop_command(self, node: Node, mode: SelfStop) -> str:
        return ["poweroff"]  # type: ignore[return-value]


@WRONG.breaks("test_self_stop_works")
class AlwaysRemoves(MemoryCloud):
    """Removes itself where it should stop."""

    homes = True

    traits: ClassVar[Traits] = replace(HASTY, self_stop=frozenset(SelfStop))

    def set_shutdown(self, scope: Scope, owner: Owner, mode: SelfStop) -> None:
        super().set_shutdown(scope, owner, SelfStop.TERMINATE)


@WRONG.breaks("test_setting_the_shutdown_again_succeeds")
class SetsOnce(MemoryCloud):
    """A conflict where it is so already."""

    def set_shutdown(self, scope: Scope, owner: Owner, mode: SelfStop) -> None:
        known = self.account.__dict__.setdefault("shutdown", {})
        if known.get(owner) is mode:
            raise Conflict("that is so already")
        known[owner] = mode
        super().set_shutdown(scope, owner, mode)


@WRONG.breaks("test_spot_machines_have_prices")
class Priceless(MemoryCloud):
    """Spot machines that nobody can buy."""

    def _as_sold(self, offer: Offer) -> Offer:
        return replace(offer, spot_hourly_price=None)


@WRONG.breaks("test_preemption_notice_is_a_command_or_none")
class NoticeByNumber(MemoryCloud):
    """A number where a command is meant."""

    def preemption_notice_command(self, offer: Offer) -> str | None:
        return 120  # type: ignore[return-value]


@WRONG.breaks("test_opening_ports_again_succeeds")
class OpensOnce(MemoryCloud):
    """A conflict, the second time."""

    def open_ports(self, scope: Scope, owner: Owner, ports: Collection[int]) -> None:
        if all(set(ports) <= machine.ports for machine in self._machines_of(scope, owner)):
            raise Conflict("the rule exists")
        super().open_ports(scope, owner, ports)


@WRONG.breaks("test_port_addresses_are_host_and_port")
class HostOnly(MemoryCloud):
    """An address without a port."""

    def port_address(self, node: Node, port: int) -> str:
        return str(node.public_ip)


@WRONG.breaks("test_admitting_again_succeeds")
class AdmitsOnce(MemoryCloud):
    """A conflict, the second time."""

    def admit(self, scope: Scope, owner: Owner, cidr: str) -> None:
        admitted = self.account.__dict__.setdefault("admitted", set())
        if (owner, cidr) in admitted:
            raise Conflict("the rule exists")
        admitted.add((owner, cidr))


@WRONG.breaks("test_admitting_wherever_we_are_succeeds")
class AdmitsNetworksAlone(MemoryCloud):
    """Wants to be told from where."""

    def admit(self, scope: Scope, owner: Owner, cidr: str) -> None:
        if not cidr:
            raise InvalidRequest("no network", field="cidr")


@WRONG.breaks("test_policy_is_a_text_that_stays")
class PolicyOfTheMoment(MemoryCloud):
    """With the time in it."""

    def policy(self) -> str:
        return f"{super().policy()} as of {secrets.token_hex(4)}"


@WRONG.breaks("test_policy_makes_no_call")
class AsksForItsPolicy(MemoryCloud):
    """Looks it up at the provider."""

    def policy(self) -> str:
        with contextlib.suppress(OSError), socket.socket() as line:
            line.connect(("127.0.0.1", 9))
        return super().policy()


@WRONG.breaks("test_console_log_is_text")
class RawConsole(MemoryCloud):
    """Bytes where text is meant."""

    def console_log(self, scope: Scope, node: Node) -> str:
        return b"login:"  # type: ignore[return-value]


@WRONG.breaks("test_own_transport_is_a_transport")
class NoTransport(MemoryCloud):
    """Something else where a transport is meant."""

    def transport(self, node: Node) -> object:
        return object()
