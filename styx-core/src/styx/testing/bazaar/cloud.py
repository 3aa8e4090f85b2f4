"""The near side: a Cloud for a market, and the class that fits its habits."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from styx.api import (
    Cloud,
    Conflict,
    Idempotency,
    Identity,
    LaunchOutcome,
    LaunchRequest,
    LaunchState,
    Leftover,
    Node,
    NotFound,
    NotYet,
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
    Transient,
    from_wire,
)
from styx.testing.bazaar import life, shown
from styx.testing.bazaar.habits import Blindness, Habits
from styx.testing.bazaar.market import CLOUD, Market, Turn
from styx.testing.bazaar.state import Machine, Order, Part
from styx.testing.bazaar.trade import Wanted, owner_of, rent
from styx.testing.memory.catalog import fits

OUTCOME_SECONDS = 3600.0  # for which the provider tells what became of a launch
_NAMED = "BazaarCloud_"
_KIND = Habits().to_data()


class BazaarCloud(Cloud):
    """What every cloud of the bazaar has; :func:`bazaar` makes the class for given habits.

    ``services.config`` is the :class:`Market`, or a mapping whose ``market`` is the directory of one. Whatever this
    object knows, the market told it in the same call: kill it anywhere and nothing is lost.
    """

    name: ClassVar[str] = CLOUD
    habits: ClassVar[Habits]

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        config = services.config
        if isinstance(config, Market):
            self.market = config
        elif isinstance(config, Mapping) and "market" in config:
            self.market = Market.at(Path(config["market"]))
        else:
            raise TypeError("a cloud of the bazaar takes its Market as services.config, or where it is as `market`")

    def check(self) -> Identity:
        """Name the account."""
        with self._call("check"):
            return Identity(self.market.name, user="bazaar")

    def scopes(self) -> Iterable[Scope]:
        """List every place where something is sold."""
        with self._call("scopes"):
            return sorted({offer.scope for offer in self.market.offers})

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        """List what is sold and fits."""
        spot = isinstance(self, SupportsSpot)
        with self._call("offers"):
            sold = [offer if spot else replace(offer, spot_hourly_price=None) for offer in self.market.offers]
            return [offer for offer in sold if fits(offer, query)]

    def prepare(self, request: LaunchRequest) -> Prepared:
        """Write down all that the launch needs. Asks nobody."""
        offer = request.offer
        payload: dict[str, Any] = {
            "action": "create",
            "kind": offer.instance_type,
            "zone": offer.zone or "",
            "spot": request.spot,
            "ports": list(request.ports),
            "key": request.boot.authorized_key,
        }
        if self.habits.idempotency is not Idempotency.NONE:
            payload["names"] = {str(rank): request.owner.node_name(rank) for rank in request.ranks}
            payload["tags"] = {str(rank): request.owner.tags(rank) for rank in request.ranks}
        return Prepared(request.owner, offer.scope, request.ranks, json.dumps(payload, sort_keys=True))

    def launch(self, prepared: Prepared) -> Receipt:
        """Create (or start) the machines that were prepared."""
        self._must_be_ours(prepared.owner)
        payload = json.loads(prepared.payload)
        self.market.linger(self.habits.slow_launches)
        with self._call("launch") as turn:
            if payload["action"] == "start":
                ids = {int(rank): id_ for rank, id_ in payload["ids"].items()}
                turn.state.launches += 1
                life.switch_on(turn.state, self.habits, list(ids.values()), turn.now, self.market.boot_seconds)
            else:
                wanted = self._wanted(prepared, payload)
                ids = rent(turn.state, self.habits, wanted, turn.now, self.market.boot_seconds)
            prices = [Decimal(m.price) for id_ in ids.values() if (m := turn.state.machines.get(id_)) is not None]
            lost = self.market.answer_is_lost(turn)
        if lost is not None:
            raise lost
        return Receipt(prepared.token, ids, hourly_cost=sum(prices, Decimal(0)))

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        """List what there is in one place, as well as the provider's listing can."""
        with self._call("observe") as turn:
            self._must_be_sold(scope)
            blind = self.market.blind(turn.now)
            if blind is Blindness.WHOLE:
                raise Transient(f"the listing of {scope.name} timed out")
            turn.state.listings += 1
            listed = self._listed(turn, scope)
            hidden = f"{scope.name}: the odd hosts are out of reach"
            listed = [machine for machine in listed if self._can_reach(turn, machine)]
            nodes = [shown.node(machine, self.habits, turn.now, self._identify(machine)) for machine in listed]
            leftovers, remains = self._left_over(turn, scope, {node.id for node in nodes})
            return Observation(
                scope,
                self.services.clock.now(),
                tuple(node for node in (*nodes, *remains) if self._is_meant(node.owner, owners)),
                tuple(leftover for leftover in leftovers if self._is_meant(leftover.owner, owners)),
                tuple(o for o in self._outcomes(turn, scope) if self._is_meant(o.owner, owners)),
                unreachable=(hidden,) if blind is Blindness.HALF else (),
            )

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Remove the machines of an attempt and what they leave, as far as that can be done yet."""
        self._must_be_ours(owner)
        with self._call("terminate") as turn:
            if self.market.blind(turn.now) is Blindness.WHOLE:
                raise Transient(f"the listing of {scope.name} timed out")
            machines = [m for m in self._machines_of(turn, scope, owner, receipts) if self._can_reach(turn, m)]
            life.remove(turn.state, self.habits, [machine.id for machine in machines], turn.now)
            named = {id_ for receipt in receipts for id_ in receipt.node_ids.values()}
            blocked = life.remove_parts(turn.state, self._parts_of(turn, scope, owner, named), turn.now)
            waiting = [machine.id for machine in machines if machine.exists(turn.now)] + [part.id for part in blocked]
        if waiting and self.habits.not_yet:
            raise NotYet(1.0, f"{', '.join(waiting)} to go")

    # -- whose a machine is

    def _identify(self, machine: Machine) -> tuple[Owner, int | None] | None:
        return owner_of(machine.name, machine.tags)

    def _is_meant(self, owner: Owner | None, owners: Collection[Owner] | None) -> bool:
        """Whether a listing is to show what belongs to ``owner``; nobody knows whose an anonymous machine is."""
        if owner is None:
            return self.habits.idempotency is Idempotency.NONE and (owners is None or bool(owners))
        return owner.installation == self.services.installation and (owners is None or owner in owners)

    def _can_reach(self, turn: Turn, machine: Machine) -> bool:
        """Whether the machine's host is in reach: in a time of half blindness odd ones are not."""
        return self.market.blind(turn.now) is not Blindness.HALF or machine.number % 2 == 0

    def _must_reach_all(self, turn: Turn, scope: Scope) -> None:
        """Refuse what is only right when it is done to every machine."""
        if self.market.blind(turn.now) is not Blindness.NONE:
            raise Transient(f"some hosts in {scope.name} are out of reach")

    def _must_be_ours(self, owner: Owner) -> None:
        if owner.installation != self.services.installation:
            raise Conflict(f"{owner.name} belongs to another installation", owner=owner.name)

    def _machines_of(self, turn: Turn, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> list[Machine]:
        """The machines of an attempt: those that the listing shows as its own, and those that a receipt names."""
        named = {id_ for receipt in receipts for id_ in receipt.node_ids.values()}
        anonymous = self.habits.idempotency is Idempotency.NONE
        found = {}
        for machine in life.existing(turn.state, turn.now, scope.name):
            known = self._identify(machine)
            mine = anonymous if known is None else known[0] == owner
            in_sight = known is not None and shown.is_listed(machine, self.habits, turn.now, turn.state.listings)
            if mine and (machine.id in named or in_sight):
                found[machine.id] = machine
        return list(found.values())

    def _parts_of(self, turn: Turn, scope: Scope, owner: Owner, named: Collection[str]) -> list[Part]:
        parts = []
        for part in turn.state.parts.values():
            known = owner_of(part.name, part.tags)
            if part.place == scope.name and (part.machine in named if known is None else known[0] == owner):
                parts.append(part)
        return parts

    # -- what a listing says

    def _listed(self, turn: Turn, scope: Scope) -> list[Machine]:
        here = [machine for machine in turn.state.machines.values() if machine.place == scope.name]
        return [m for m in here if shown.is_listed(m, self.habits, turn.now, turn.state.listings)]

    def _left_over(self, turn: Turn, scope: Scope, listed: Collection[str]) -> tuple[list[Leftover], list[Node]]:
        """Parts whose machine is gone; without an owner they can only be shown as what is left of the machine."""
        leftovers, remains = [], {}
        for part in turn.state.parts.values():
            machine = turn.state.machines.get(part.machine)
            if part.place != scope.name or (machine is not None and machine.exists(turn.now)):
                continue
            known = owner_of(part.name, part.tags)
            if known is not None:
                leftovers.append(shown.leftover(part, known[0]))
            elif machine is not None and machine.id not in listed:
                remains[machine.id] = shown.remains(machine, self.habits, turn.now)
        return leftovers, list(remains.values())

    def _outcomes(self, turn: Turn, scope: Scope) -> list[LaunchOutcome]:
        orders = [o for o in turn.state.orders if o.place == scope.name and turn.now - o.at < OUTCOME_SECONDS]
        found = []
        for order in orders:
            known = owner_of(order.name, order.tags)
            if known is not None and order.token:
                found.append(LaunchOutcome(order.token, known[0], *_outcome(order, turn.now)))
        return found

    # -- the rest

    def _call(self, method: str) -> Any:
        return self.market.call(method, self.services.installation)

    def _must_be_sold(self, scope: Scope) -> None:
        if scope not in {offer.scope for offer in self.market.offers}:
            raise NotFound(f"there is no place {scope.name!r}")

    def _wanted(self, prepared: Prepared, payload: Mapping[str, Any]) -> Wanted:
        place, kind = prepared.scope, payload["kind"]
        offer = next((o for o in self.market.offers if (o.scope, o.instance_type) == (place, kind)), None)
        price = None if offer is None else offer.price(spot=payload["spot"])
        if price is None:
            raise OfferGone(f"{kind} is not sold in {place.name}")
        return Wanted(
            "" if self.habits.idempotency is Idempotency.NONE else prepared.token, place.name, payload["zone"], kind,
            price, prepared.ranks,
            {int(rank): name for rank, name in payload.get("names", {}).items()},
            {int(rank): tags for rank, tags in payload.get("tags", {}).items()},
            prepared.payload, payload["spot"], payload["ports"],
        )  # fmt: skip


def _outcome(order: Order, now: float) -> tuple[LaunchState, ProviderError | None]:
    if order.refused is None or order.error is None or now < order.refused:
        return LaunchState.ACCEPTED, None
    error = from_wire(order.error)
    assert isinstance(error, ProviderError)
    return LaunchState.FAILED, error


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
