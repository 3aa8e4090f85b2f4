"""The reference cloud: every rule of the contract kept, with no machine anywhere."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from styx.api import (
    Billing,
    Cause,
    Cloud,
    Conflict,
    Endpoint,
    Idempotency,
    Identity,
    InsufficientCapacity,
    LaunchRequest,
    Node,
    NodeState,
    NotFound,
    Observation,
    Offer,
    OfferGone,
    OfferQuery,
    Owner,
    Prepared,
    ProviderError,
    Receipt,
    Scope,
    SelfStop,
    Services,
    StartRequest,
    SupportsSpot,
    Traits,
)
from styx.testing.memory.account import OFF, SHUTDOWN_FILE, Machine, MemoryAccount
from styx.testing.memory.catalog import CLOUD, fits


class BareMemoryCloud(Cloud):
    """The reference cloud with no capability beyond the contract's core.

    Its account is a :class:`MemoryAccount` given as ``services.config``, so that several objects share one world, as
    several clients do. Times go by ``services.clock``.
    """

    name: ClassVar[str] = CLOUD
    traits: ClassVar[Traits] = Traits(
        Idempotency.TOKEN, token_lifetime=3600.0, atomic_gang=True, private_network=True, boot_deadline=60.0
    )

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        if not isinstance(services.config, MemoryAccount):
            raise TypeError("MemoryCloud takes its MemoryAccount as services.config")
        self.account: MemoryAccount = services.config

    def fail_next(self, method: str, error: ProviderError, *, after: bool = False) -> None:
        """Let the next call of ``method`` on this account raise; see :meth:`MemoryAccount.fail_next`."""
        self.account.fail_next(method, error, after=after)

    def check(self) -> Identity:
        """Name the account."""
        with self.account.call("check"):
            return Identity(self.account.name, user="memory")

    def scopes(self) -> Iterable[Scope]:
        """List every place where something is sold."""
        with self.account.call("scopes"):
            return sorted({offer.scope for offer in self.account.offers})

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        """List what the account sells and fits."""
        with self.account.call("offers", query):
            return [offer for offer in map(self._as_sold, self.account.offers) if fits(offer, query)]

    def prepare(self, request: LaunchRequest) -> Prepared:
        """Write down all that the launch needs."""
        with self.account.call("prepare", request):
            payload = {
                "action": "create",
                "kind": request.offer.instance_type,
                "names": {str(rank): request.owner.node_name(rank) for rank in request.ranks},
                "tags": {str(rank): request.owner.tags(rank) for rank in request.ranks},
                "spot": request.spot,
                "ports": list(request.ports),
                "key": request.boot.authorized_key,
                "identity": request.identity or "",
            }
            return Prepared(request.owner, request.offer.scope, request.ranks, json.dumps(payload, sort_keys=True))

    def launch(self, prepared: Prepared) -> Receipt:
        """Create (or start) the machines that were prepared."""
        with self.account.call("launch", prepared):
            payload = json.loads(prepared.payload)
            if payload["action"] == "start":
                return self._start(prepared, payload["ids"])
            with self.account.lock:
                self._must_have_room(prepared, payload)
                ids = self._create(prepared, payload)
            return Receipt(prepared.token, dict(zip(prepared.ranks, ids, strict=True)))

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        """List the machines of one place."""
        with self.account.call("observe", scope, owners):
            self._must_exist(scope)
            return Observation(scope, self.services.clock.now(), tuple(self._listed(scope, owners)))

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Delete the machines of an attempt. Receipts add nothing where tags or names are: those are always there."""
        with self.account.call("terminate", scope, owner, receipts):
            self._must_be_ours(owner)
            for machine in self._machines_of(scope, owner, receipts):
                self.account.delete(machine.id)

    # -- how a machine is made and found again; the other kinds of idempotency change these

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        return self.account.create(
            lambda rank, id_: self._machine(prepared, payload, rank, id_), prepared.ranks, prepared.token, self._clock
        )

    def _machine(self, prepared: Prepared, payload: Mapping[str, Any], rank: int, id_: str) -> Machine:
        return Machine(
            id_, prepared.scope.name, payload["kind"], payload["names"][str(rank)], payload["tags"][str(rank)],
            prepared.token, number=int(id_.removeprefix("m-")), spot=payload["spot"], ports=set(payload["ports"]),
        )  # fmt: skip

    def _identify(self, machine: Machine) -> tuple[Owner, int | None] | None:
        """Whose machine it is and which rank it has, as far as can be told."""
        owner = Owner.from_tags(dict(machine.tags))
        return (owner, int(machine.tags["styx-rank"])) if owner else None

    # -- the rest

    @property
    def _clock(self) -> Any:
        return self.services.clock

    def _ours(self, scope: Scope) -> list[tuple[Machine, Owner, int | None]]:
        found = []
        for machine in self.account.machines(scope.name, self._clock):
            known = self._identify(machine)
            if known is not None and known[0].installation == self.services.installation:
                found.append((machine, *known))
        return found

    def _listed(self, scope: Scope, owners: Collection[Owner] | None) -> list[Node]:
        nodes = [self._node(machine, its_owner, rank) for machine, its_owner, rank in self._ours(scope)]
        return [node for node in nodes if owners is None or node.owner in owners]

    def _machines_of(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt] = ()) -> list[Machine]:
        return [machine for machine, _ in self._ranked(scope, owner, receipts)]

    def _ranked(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt] = ()) -> list[tuple[Machine, int | None]]:
        """The machines of an attempt with their ranks. The receipts are for clouds that have nothing else to go by."""
        del receipts
        return [(machine, rank) for machine, its_owner, rank in self._ours(scope) if its_owner == owner]

    def _node(self, machine: Machine, owner: Owner | None, rank: int | None) -> Node:
        up = machine.state is NodeState.RUNNING
        here = (machine.place, machine.kind)
        sold = next((o for o in self.account.offers if (o.scope.name, o.instance_type) == here), None)
        price = sold.price(spot=machine.spot) if sold else None
        stopped = machine.state is NodeState.STOPPED
        return Node(
            machine.id, owner, machine.state, rank, machine.name,
            cause=Cause.USER if stopped else Cause.UNKNOWN,
            endpoint=self._endpoint(machine) if up else None,
            private_ip=f"10.0.{machine.number // 250}.{machine.number % 250 + 1}" if up else None,
            public_ip=_public_ip(machine) if up else None,
            billing=Billing.DISK_ONLY if stopped else Billing.FULL,
            hourly_cost=None if stopped else price,
            token=machine.token or None,
            instance_type=machine.kind,
            created_at=machine.created_at,
            region=machine.place,
        )  # fmt: skip

    @staticmethod
    def _endpoint(machine: Machine) -> Endpoint:
        if machine.home is not None:
            return Endpoint("process", {"home": str(machine.home), "node": machine.id})
        return Endpoint("ssh", {"host": _public_ip(machine), "port": "22", "user": "styx"})

    def _as_sold(self, offer: Offer) -> Offer:
        return offer if isinstance(self, SupportsSpot) else replace(offer, spot_hourly_price=None)

    def _must_have_room(self, prepared: Prepared, payload: Mapping[str, Any]) -> None:
        offer = next(
            (o for o in self.account.offers if (o.scope, o.instance_type) == (prepared.scope, payload["kind"])), None
        )
        if offer is None:
            raise OfferGone(f"{payload['kind']} is not sold in {prepared.scope.name}")
        if offer.available is not None:
            there = self.account.machines(prepared.scope.name, self._clock)
            names = set(payload["names"].values())  # a replay needs no more room
            others = [m for m in there if m.kind == offer.instance_type and m.name not in names]
            if len(others) + len(prepared.ranks) > offer.available:
                raise InsufficientCapacity(f"no {offer.instance_type} left", scope=prepared.scope.name)

    def _must_exist(self, scope: Scope) -> None:
        if scope not in {offer.scope for offer in self.account.offers}:
            raise NotFound(f"there is no place {scope.name!r}")

    def _must_be_ours(self, owner: Owner) -> None:
        if owner.installation != self.services.installation:
            raise Conflict(f"{owner.name} belongs to another installation", owner=owner.name)

    def _start(self, prepared: Prepared, ids: Mapping[str, str]) -> Receipt:
        with self.account.lock:
            asked = Receipt(prepared.token, {int(rank): id_ for rank, id_ in ids.items()})
            there = {machine.id for machine in self._machines_of(prepared.scope, prepared.owner, [asked])}
            if not set(ids.values()) <= there:
                raise NotFound(f"some of the stopped machines of {prepared.owner.name} are gone")
            for id_ in ids.values():
                self.account.start(id_, self._clock)
        return asked


class SwitchableMemoryCloud(BareMemoryCloud):
    """The reference cloud with those capabilities for which core names the machines: by receipt, node or offer."""

    traits: ClassVar[Traits] = replace(BareMemoryCloud.traits, self_stop=frozenset(SelfStop))

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Switch off all machines of the attempt."""
        with self.account.call("stop", scope, owner, receipts):
            self._must_be_ours(owner)
            for machine in self._machines_of(scope, owner, receipts):
                self.account.stop(machine.id)

    def prepare_start(self, request: StartRequest) -> Prepared:
        """Write down which machines to switch on."""
        with self.account.call("prepare_start", request):
            ids = {
                str(rank): machine.id
                for machine, rank in self._ranked(request.scope, request.owner, request.receipts)
                if rank in request.ranks
            }
            if len(ids) < len(request.ranks):
                raise NotFound(f"some of the stopped machines of {request.owner.name} are gone")
            payload = {"action": "start", "ids": ids}
            return Prepared(request.owner, request.scope, request.ranks, json.dumps(payload, sort_keys=True))

    def self_stop_command(self, node: Node, mode: SelfStop) -> str:
        """Leave the wish where the account looks for it."""
        del node
        return f'printf %s {mode.value} > "$HOME/{SHUTDOWN_FILE}"'

    def preemption_notice_command(self, offer: Offer) -> str | None:
        """Nothing here is ever preempted, but a notice would be a file."""
        del offer
        return 'test -e "$HOME/.preempted"'

    def console_log(self, scope: Scope, node: Node) -> str:
        """One line, as any machine would show."""
        with self.account.call("console_log", scope, node):
            return f"{node.name} login:\n"


class MemoryCloud(SwitchableMemoryCloud):
    """The reference cloud with every capability that makes sense without machines."""

    def open_ports(self, scope: Scope, owner: Owner, ports: Collection[int]) -> None:
        """Remember the ports."""
        with self.account.call("open_ports", scope, owner, ports):
            for machine in self._machines_of(scope, owner):
                machine.ports.update(ports)

    def port_address(self, node: Node, port: int) -> str:
        """The node's own public address."""
        return f"{node.public_ip}:{port}"

    def set_shutdown(self, scope: Scope, owner: Owner, mode: SelfStop) -> None:
        """Remember the mode."""
        with self.account.call("set_shutdown", scope, owner, mode):
            self._must_be_ours(owner)
            for machine in self._machines_of(scope, owner):
                machine.shutdown = mode

    def self_stop_command(self, node: Node, mode: SelfStop) -> str:
        """Switch it off; what that means is the account's to know."""
        del node, mode
        return f'printf {OFF} > "$HOME/{SHUTDOWN_FILE}"'

    def policy(self) -> str:
        """Everything, for whoever has the account."""
        return json.dumps({"allow": ["*"], "on": self.account.name}, indent=2)

    def admit(self, scope: Scope, owner: Owner, cidr: str) -> None:
        """Everybody is let in already."""
        with self.account.call("admit", scope, owner, cidr):
            self._must_be_ours(owner)


def _public_ip(machine: Machine) -> str:
    return f"192.0.2.{machine.number % 250 + 1}"  # TEST-NET-1: belongs to nobody
