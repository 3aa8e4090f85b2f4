"""A whole cloud from a few calls, for the many providers that rent single machines over a small API.

The author writes :meth:`~SimpleCloud.account`, :meth:`~SimpleCloud.create`, :meth:`~SimpleCloud.machines` and
:meth:`~SimpleCloud.delete`, a price list, a table of errors, and in the traits how a machine is found again:

``NAME``    the provider refuses a second machine of the same name
``SEARCH``  it does not, but lists the names or tags it was given
``NONE``    only the id in the answer to ``create`` tells whose a machine is

Everything else of the contract is derived from these. ``docs/write-a-cloud.md`` goes through it step by step.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from decimal import Decimal
from typing import Any, ClassVar

from styx.api.cloud import Cloud, Idempotency, Identity, SupportsTransport
from styx.api.errors import Conflict, NotFound, OfferGone, Unsupported
from styx.api.launch import LaunchRequest, Prepared, Receipt
from styx.api.names import Owner
from styx.api.nodes import Billing, LaunchOutcome, LaunchState, Leftover, Node, NodeState, Observation
from styx.api.offers import Offer, OfferQuery, Scope
from styx.api.services import Services
from styx.api.simple.errors import ErrorMap, translated
from styx.api.simple.launching import launch
from styx.api.simple.machine import Machine, MachineType, Order, Rest
from styx.api.simple.offers import fits, offer_of
from styx.api.simple.removing import remove
from styx.api.simple.turn import Memory, Turn

EVERYWHERE = Scope("all")  # one listing shows all that the account has, wherever it is
CREATE, START = "create", "start"


class SimpleCloud(Cloud):
    """See the module. What the author's methods raise is put into the contract's words by ``errors``.

    They are called from threads, several at a time; they never sleep, retry or remember.
    """

    machine_types: ClassVar[Sequence[MachineType]] = ()  # or override price_list()
    errors: ClassVar[ErrorMap] = {}
    takes: ClassVar[frozenset[str]] = frozenset()  # what create() honours of "disk_gib", "image", "ports", "labels"

    def __init_subclass__(cls) -> None:
        """Refuse what cannot be derived, when the class is made."""
        super().__init_subclass__()
        traits = cls.__dict__.get("traits")
        if traits is not None and traits.idempotency is Idempotency.TOKEN:
            raise TypeError(f"{cls.__name__}: a SimpleCloud is found again by NAME, SEARCH or NONE, not by TOKEN")

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._memory = Memory(services.clock, self._pace())
        self._uploaded: set[str] = set()  # so that a gang asks once

    # -- what the author writes

    @abstractmethod
    def account(self) -> str:
        """The account's own id, which never changes: one cheap call that shows that the credentials work."""

    @abstractmethod
    def create(self, order: Order) -> str:
        """Ask for one machine and return its id; do not wait for it."""

    @abstractmethod
    def machines(self) -> Iterable[Machine | Rest]:
        """Everything of the account, whoever's it is, in one listing: all pages, all regions."""

    @abstractmethod
    def delete(self, machine_id: str) -> None:
        """Remove one machine. One that is not there may be NotFound; do not wait for it to go."""

    def price_list(self) -> Iterable[MachineType]:
        """What is sold now: the table ``machine_types``, unless overridden by a question to the provider."""
        return self.machine_types

    def upload_key(self, name: str, public_key: str) -> None:
        """Have the provider know the key under this name, where a machine takes keys by name. Idempotent. Optional."""

    def delete_rest(self, rest: Rest) -> None:
        """Remove something that a machine left behind; for authors whose ``machines()`` lists such things."""
        raise Unsupported(f"{self.name} lists the {rest.kind} {rest.id} and cannot remove it", capability="leftovers")

    # -- what is derived

    def check(self) -> Identity:
        """See :meth:`Cloud.check`."""
        with translated(self.errors, "looking for the account", writing=False):
            return Identity(self.account())

    def scopes(self) -> Iterable[Scope]:
        """One: the account."""
        return [EVERYWHERE]

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        """What of the price list fits."""
        with translated(self.errors, "reading the price list", writing=False):
            sold = [offer_of(each, self.name, EVERYWHERE) for each in self.price_list()]
        return [offer for offer in sold if fits(offer, query)]

    def prepare(self, request: LaunchRequest) -> Prepared:
        """Write one order down for all ranks; what differs between them follows from the owner."""
        self.require_ours(request.owner)
        self._require_possible(request)
        offer, key = request.offer, request.boot.authorized_key
        key_name = f"styx-{self.services.installation}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        if key_name not in self._uploaded:
            with translated(self.errors, f"uploading the key {key_name}", writing=False):  # again does no harm
                self.upload_key(key_name, key)
            self._uploaded.add(key_name)
        order = Order(
            name="", tags={}, machine_type=offer.instance_type, region=offer.region, public_key=key, key_name=key_name,
            zone=offer.zone, data=dict(offer.data), script=request.boot.script if self.traits.boot_script else "",
            spot=request.spot, disk_gib=request.disk_gib, image=request.image, ports=tuple(request.ports),
            labels=dict(request.labels),
        )  # fmt: skip
        price = offer.price(spot=request.spot)
        payload = {"action": CREATE, "order": asdict(order), "hourly_price": None if price is None else str(price)}
        return Prepared(request.owner, offer.scope, request.ranks, json.dumps(payload, sort_keys=True))

    def launch(self, prepared: Prepared) -> Receipt:
        """Create one machine for each rank, in order. See :mod:`styx.api.simple.launching` for what goes wrong."""
        self.require_ours(prepared.owner)
        payload = json.loads(prepared.payload)
        if payload["action"] == START:
            return self._start(prepared, payload)
        common, price = _order(payload["order"]), payload["hourly_price"]

        def order(rank: int) -> Order:
            return replace(common, name=prepared.owner.node_name(rank), tags=prepared.owner.tags(rank))

        ids = launch(self, self._memory, self.turn("launch"), prepared, order)
        return Receipt(prepared.token, ids, None if price is None else Decimal(price) * len(ids))

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        """One listing of the account, read."""
        self._must_exist(scope)
        found = self.listing()
        nodes: list[Node] = []
        outcomes: list[LaunchOutcome] = []
        leftovers: list[Leftover] = []
        for thing in found:
            owner, rank = self.whose(thing)
            if not self._asked_for(owner, owners):
                continue
            if isinstance(thing, Machine) and (thing.error is None or owner is None):
                nodes.append(self._node(thing, owner, rank))
            else:  # what failed may bill, or hold its name, until it is deleted
                kind = thing.kind if isinstance(thing, Rest) else "failed machine"
                leftovers.append(Leftover(thing.id, kind, owner, thing.hourly_cost))
                if owner is not None and isinstance(thing, Machine):
                    outcomes.append(LaunchOutcome("", owner, LaunchState.FAILED, thing.error))
        now = self.services.clock.now()
        return Observation(scope, now, tuple(nodes), tuple(leftovers), tuple(outcomes))

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Delete what has the attempt's name, and what a receipt names unless it has somebody else's."""
        self._must_exist(scope)
        self.require_ours(owner)
        named = {node_id for receipt in receipts for node_id in receipt.node_ids.values()}
        turn = self.turn("terminate")
        remove(self, self._memory, turn, [each for each in self.recent(turn) if self._belongs(each, owner, named)])

    def discard(self, scope: Scope, owner: Owner, node_ids: Collection[str]) -> None:
        """Delete these machines of the attempt."""
        self._must_exist(scope)
        self.require_ours(owner)
        turn, named = self.turn("discard"), set(node_ids)
        mine = [each for each in self.recent(turn) if each.id in named and self._belongs(each, owner, named)]
        remove(self, self._memory, turn, mine)

    # -- what the derived parts share, and authors may use

    def listing(self) -> Sequence[Machine | Rest]:
        """What there is now."""
        with translated(self.errors, "listing the machines", writing=False):
            found = list(self.machines())
        self._memory.keep_listing(found)
        return found

    def recent(self, turn: Turn) -> Sequence[Machine | Rest]:
        """What there was a moment ago, or is now: good enough to remove by, for ids are never used again."""
        known = self._memory.listing()
        if known is not None:
            return known
        turn.take("the next request")
        return self.listing()

    def whose(self, thing: Machine | Rest) -> tuple[Owner | None, int | None]:
        """The owner and rank that name or tags tell; neither where nothing is known."""
        if self.traits.idempotency is Idempotency.NONE:
            return None, None
        owner = Owner.from_tags(dict(thing.tags))
        if owner is not None:
            rank = thing.tags.get("styx-rank", "")
            return owner, int(rank) if rank.isdecimal() else None
        return Owner.parse(thing.name) or (None, None)

    def owned(self, owner: Owner, found: Iterable[Machine | Rest]) -> Iterator[tuple[Machine, int | None]]:
        """The machines of the attempt among these that are not on their way out, each with its rank."""
        for thing in found:
            its_owner, rank = self.whose(thing)
            if isinstance(thing, Machine) and its_owner == owner and thing.state is not NodeState.TERMINATING:
                yield thing, rank

    def turn(self, method: str) -> Turn:
        """The requests that one call of this method may make at once."""
        return Turn(self._pace(method))

    def require_ours(self, owner: Owner) -> None:
        """Raise Conflict for what another installation owns."""
        if owner.installation != self.services.installation:
            raise Conflict(f"{owner.name} belongs to another installation of Styx", owner=owner.name)

    def _start(self, prepared: Prepared, payload: dict[str, Any]) -> Receipt:
        del prepared, payload
        raise Unsupported(f"machines of {self.name} cannot be started again", capability="stop")

    def _pace(self, method: str = "") -> float:
        pace = self.traits.pace
        return max(pace.get("", 0.0), pace.get(method, 0.0)) if method else max(pace.values(), default=0.0)

    def _must_exist(self, scope: Scope) -> None:
        if scope != EVERYWHERE:
            raise NotFound(f"{self.name} has no place {scope.name!r}; all of it is {EVERYWHERE.name!r}")

    def _asked_for(self, owner: Owner | None, owners: Collection[Owner] | None) -> bool:
        if owner is None:  # a stranger's, but where nobody's machine has a name any may be ours
            return self.traits.idempotency is Idempotency.NONE
        return owner.installation == self.services.installation and (owners is None or owner in owners)

    def _belongs(self, thing: Machine | Rest, owner: Owner, named: Collection[str]) -> bool:
        """Whether it has the attempt's name, or no name of anybody and an id that a receipt has."""
        its_owner, _ = self.whose(thing)
        return its_owner == owner or (its_owner is None and isinstance(thing, Machine) and thing.id in named)

    def _node(self, machine: Machine, owner: Owner | None, rank: int | None) -> Node:
        state = NodeState.TERMINATING if machine.error is not None else machine.state
        if state is NodeState.RUNNING and machine.endpoint is None and not isinstance(self, SupportsTransport):
            state = NodeState.PENDING
        billing = machine.billing or _BILLING[state]
        price = machine.hourly_cost
        if price is None and billing is Billing.FULL:
            price = self._listed_price(machine)
        named = Owner.parse(machine.name)
        return Node(
            machine.id, owner, state, rank, machine.name if named and named[0] == owner else "", machine.cause,
            machine.evidence or (machine.error.message if machine.error else ""), machine.endpoint,
            machine.private_ip, machine.public_ip, billing, price,
            instance_type=machine.machine_type, created_at=machine.created_at,
            region=machine.region, zone=machine.zone,
        )  # fmt: skip

    def _listed_price(self, machine: Machine) -> Decimal | None:
        rows = [row for row in self.machine_types if row.name == machine.machine_type]
        here = [row for row in rows if row.region == machine.region] or (rows if len(rows) == 1 else [])
        return here[0].hourly_price if here else None

    def _require_possible(self, request: LaunchRequest) -> None:
        offer = request.offer
        self._must_exist(offer.scope)
        if self.machine_types and offer.instance_type not in {row.name for row in self.machine_types}:
            raise OfferGone(f"{self.name} does not sell {offer.instance_type}")
        if request.spot and offer.spot_hourly_price is None:
            raise Unsupported(f"{self.name} does not sell {offer.instance_type} as spot", capability="spot")
        if request.image and "image" not in self.takes:
            said = f"machines of {self.name} have one image, and {request.image} was asked for"
            raise Unsupported(said, capability="image")
        if request.identity:
            said = f"machines of {self.name} act as nobody, and {request.identity} was asked for"
            raise Unsupported(said, capability="identity")
        if request.ports and "ports" not in self.takes:
            wanted = ", ".join(map(str, request.ports))
            raise Unsupported(f"{self.name} opens no ports, and {wanted} was asked for", capability="ports")
        if request.labels and "labels" not in self.takes:
            wanted = ", ".join(request.labels)
            raise Unsupported(f"{self.name} takes no labels, and {wanted} was asked for", capability="labels")
        if (request.disk_gib or 0) > (offer.disk_gib or 0) and "disk_gib" not in self.takes:
            has = f"{offer.disk_gib} GiB" if offer.disk_gib else "a disk of its own size"
            said = f"{offer.instance_type} on {self.name} has {has}, and {request.disk_gib} GiB were asked for"
            raise Unsupported(said, capability="disk_size")


_BILLING = {
    NodeState.PENDING: Billing.FULL,
    NodeState.RUNNING: Billing.FULL,
    NodeState.STOPPING: Billing.UNKNOWN,
    NodeState.STOPPED: Billing.DISK_ONLY,
    NodeState.TERMINATING: Billing.UNKNOWN,
}


def _order(data: dict[str, Any]) -> Order:
    """The order as it was stored, perhaps by a later version that knew more of it."""
    known = {each.name for each in fields(Order)}
    order = Order(**{name: value for name, value in data.items() if name in known})
    return replace(order, ports=tuple(order.ports))
