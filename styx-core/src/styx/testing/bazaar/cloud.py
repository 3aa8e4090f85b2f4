"""The near side: a Cloud for a market, with what every cloud of the bazaar has."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from styx.api import (
    Cloud,
    Conflict,
    Idempotency,
    Identity,
    LaunchRequest,
    NotFound,
    NotYet,
    Observation,
    Offer,
    OfferGone,
    OfferQuery,
    Owner,
    Prepared,
    Receipt,
    Scope,
    Services,
    SupportsSpot,
    Transient,
    Unsupported,
)
from styx.testing.bazaar import life, listing, shown
from styx.testing.bazaar.habits import Blindness, Habits
from styx.testing.bazaar.market import CLOUD, Market, Turn
from styx.testing.bazaar.state import Machine, Part
from styx.testing.bazaar.trade import Wanted, owner_of, rent
from styx.testing.memory.catalog import fits


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
        if request.identity:
            raise Unsupported("machines of the bazaar act as nobody", capability="identity")
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
            listed = listing.machines(turn, scope, self.habits)
            hidden = f"{scope.name}: the odd hosts are out of reach"
            listed = [machine for machine in listed if self._can_reach(turn, machine)]
            nodes = [shown.node(machine, self.habits, turn.now, self._identify(machine)) for machine in listed]
            leftovers = listing.left_over(turn, scope)
            return Observation(
                scope,
                self.services.clock.now(),
                tuple(node for node in nodes if self._is_meant(node.owner, owners)),
                tuple(leftover for leftover in leftovers if self._is_meant(leftover.owner, owners)),
                tuple(o for o in listing.outcomes(turn, scope) if self._is_meant(o.owner, owners)),
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
