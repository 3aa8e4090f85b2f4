"""Clouds that break one rule each; everything else they do as the reference does."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any, ClassVar

from registry import Registry

from styx.api import (
    Billing,
    Conflict,
    Identity,
    LaunchRequest,
    Leftover,
    Node,
    NodeState,
    NotFound,
    Observation,
    Offer,
    OfferQuery,
    Owner,
    Prepared,
    Receipt,
    Scope,
    SelfStop,
    Services,
    StartRequest,
    Traits,
)
from styx.testing.memory import BareMemoryCloud, MemoryCloud, NamedMemoryCloud
from styx.testing.memory.account import Machine

WRONG = Registry()
HASTY = replace(MemoryCloud.traits, boot_deadline=1.0)  # for clouds on which the kit waits in vain


def stamp(*parts: object) -> str:
    """A token made of these parts alone."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


# -- the object itself


@WRONG.breaks("test_name_fits_into_commands_and_manifests")
class Shouting(MemoryCloud):
    """A name that nobody can type."""

    name = "Memory Cloud!"

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        return [replace(offer, cloud=self.name) for offer in super().offers(query)]


@WRONG.breaks("test_traits_are_whole_and_typed")
class BackwardInTime(MemoryCloud):
    """Seconds that do not exist."""

    traits: ClassVar[Traits] = replace(MemoryCloud.traits, settle_after=-1.0)


@WRONG.breaks("test_replayable_launches_say_for_how_long")
class ForgetsTokensAtOnce(MemoryCloud):
    """Tokens that are good for no time at all."""

    traits: ClassVar[Traits] = replace(MemoryCloud.traits, token_lifetime=0.0)


@WRONG.breaks("test_making_the_object_needs_no_network")
class ConnectsAtOnce(MemoryCloud):
    """A client made in the constructor."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=0.2).close()


@WRONG.breaks("test_the_object_can_be_made_again")
class Singleton(MemoryCloud):
    """One object for everybody."""

    made: ClassVar[dict[tuple[int, str], Any]] = {}

    def __new__(cls, services: Services) -> Any:
        key = (id(services.config), services.installation)
        if key not in cls.made:
            cls.made[key] = super().__new__(cls)
        return cls.made[key]


@WRONG.breaks("test_check_says_who_we_are")
class Nobody(MemoryCloud):
    """An account without a name."""

    def check(self) -> Identity:
        return Identity(" ")


@WRONG.breaks("test_the_account_id_is_stable")
class Sessions(MemoryCloud):
    """A session taken for the account."""

    def check(self) -> Identity:
        return Identity(secrets.token_hex(4))


@WRONG.breaks("test_scopes_are_distinct_places")
class Stutters(MemoryCloud):
    """Every place twice."""

    def scopes(self) -> Iterable[Scope]:
        return [*super().scopes(), *super().scopes()]


@WRONG.breaks("test_every_offer_is_in_a_listed_scope")
class OverlooksTheWest(MemoryCloud):
    """A region that is sold and not listed."""

    def scopes(self) -> Iterable[Scope]:
        return [Scope("east")]


@WRONG.breaks("test_a_fresh_object_sees_the_same_nodes")
class Remembers(MemoryCloud):
    """Shows what this object launched, not what is there."""

    def launch(self, prepared: Prepared) -> Receipt:
        self.__dict__.setdefault("launched", set()).add(prepared.owner)
        return super().launch(prepared)

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = super().observe(scope, owners)
        return replace(seen, nodes=tuple(n for n in seen.nodes if n.owner in self.__dict__.get("launched", ())))


@WRONG.breaks("test_parallel_observations_agree")
class OneAtATime(MemoryCloud):
    """A cursor on the object, which a second thread pulls away."""

    cursor: object = None

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        mine = self.cursor = object()
        seen = super().observe(scope, owners)
        threading.Event().wait(0.001)
        return seen if self.cursor is mine else replace(seen, nodes=())


@WRONG.breaks("test_calls_never_sleep")
class Sleeps(MemoryCloud):
    """Waits for the machine inside the call."""

    def launch(self, prepared: Prepared) -> Receipt:
        time.sleep(0.001)
        return super().launch(prepared)


# -- offers


@WRONG.breaks("test_something_is_on_offer")
class SoldOut(MemoryCloud):
    """Nothing to rent."""

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        return []


@WRONG.breaks("test_offers_name_this_cloud")
class Borrowed(MemoryCloud):
    """Offers in another's name."""

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        return [replace(offer, cloud="aws") for offer in super().offers(query)]


@WRONG.breaks("test_prices_are_decimals")
class Floats(MemoryCloud):
    """Money as floats."""

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        return [replace(o, hourly_price=float(o.hourly_price or 0)) for o in super().offers(query)]  # type: ignore[arg-type]


@WRONG.breaks("test_sizes_are_numbers_that_exist")
class Weightless(MemoryCloud):
    """Zero for unknown."""

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        return [replace(offer, memory_gib=0) for offer in super().offers(query)]


@WRONG.breaks("test_offers_can_be_told_apart")
class Repeats(MemoryCloud):
    """Every offer twice."""

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        return [offer for offer in super().offers(query) for _ in range(2)]


@WRONG.breaks("test_a_query_made_from_an_offer_finds_it")
class MoreThanAsked(MemoryCloud):
    """``>`` where ``>=`` is meant."""

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        return [offer for offer in super().offers(query) if query.vcpus is None or offer.vcpus > query.vcpus]


@WRONG.breaks("test_an_impossible_query_is_no_error")
class Indignant(MemoryCloud):
    """An error where nothing fits."""

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        found = list(super().offers(query))
        if not found:
            raise NotFound("no such machine")
        return found


@WRONG.breaks("test_only_clouds_with_spot_sell_spot")
class SpotInNameOnly(BareMemoryCloud):
    """Spot prices without what belongs to them."""

    def _as_sold(self, offer: Offer) -> Offer:
        return offer


# -- prepare


@WRONG.breaks("test_prepare_is_byte_stable")
class Unsteady(MemoryCloud):
    """A random number in the payload."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        prepared = super().prepare(request)
        payload = json.dumps(json.loads(prepared.payload) | {"nonce": secrets.token_hex(4)}, sort_keys=True)
        return replace(prepared, payload=payload, token=prepared.token)


@WRONG.breaks("test_prepare_makes_no_node")
class Eager(MemoryCloud):
    """Machines before the intent is stored."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        prepared = super().prepare(request)
        self.launch(prepared)
        return prepared


@WRONG.breaks("test_prepared_repeats_what_was_asked")
class RanksAsList(MemoryCloud):
    """Ranks that are no tuple."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        return replace(super().prepare(request), ranks=list(request.ranks))  # type: ignore[arg-type]


@WRONG.breaks("test_payload_is_text")
class Bytes(MemoryCloud):
    """A payload of bytes."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        prepared = super().prepare(request)
        return replace(prepared, payload=prepared.payload.encode())  # type: ignore[arg-type]


@WRONG.breaks("test_payload_holds_no_secret")
class Careless(MemoryCloud):
    """A private key in what is stored."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        prepared = super().prepare(request)
        payload = json.loads(prepared.payload) | {"login": "-----BEGIN OPENSSH PRIVATE KEY-----"}
        return replace(prepared, payload=json.dumps(payload, sort_keys=True))


@WRONG.breaks("test_token_is_the_same_for_the_same_intent")
class RandomTokens(MemoryCloud):
    """A new token for each call."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        return replace(super().prepare(request), token=secrets.token_hex(16))


@WRONG.breaks("test_token_differs_for_another_attempt")
class TokenPerCluster(MemoryCloud):
    """A token that forgets the attempt."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        owner, offer = request.owner, request.offer
        token = stamp(owner.installation, owner.cluster, request.ranks, offer.scope, offer.instance_type)
        return replace(super().prepare(request), token=token)


@WRONG.breaks("test_token_differs_for_other_ranks")
class TokenPerOffer(MemoryCloud):
    """A token that forgets the ranks."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        token = stamp(request.owner, request.offer.scope, request.offer.instance_type)
        return replace(super().prepare(request), token=token)


@WRONG.breaks("test_token_differs_for_another_offer")
class TokenPerOwner(MemoryCloud):
    """A token that forgets the offer."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        return replace(super().prepare(request), token=stamp(request.owner, request.ranks))


# -- launch


@WRONG.breaks("test_launched_nodes_come_to_run")
class NeverBoots(MemoryCloud):
    """Machines that stay pending."""

    traits: ClassVar[Traits] = HASTY

    def _node(self, machine: Machine, owner: Owner, rank: int | None) -> Node:
        return replace(super()._node(machine, owner, rank), state=NodeState.PENDING)


@WRONG.breaks("test_receipt_is_for_this_launch")
class OtherReceipt(MemoryCloud):
    """The receipt of something else."""

    def launch(self, prepared: Prepared) -> Receipt:
        return replace(super().launch(prepared), token="another")


@WRONG.breaks("test_receipt_maps_accepted_ranks_to_ids")
class CountsFromOne(MemoryCloud):
    """Ranks from 1."""

    def launch(self, prepared: Prepared) -> Receipt:
        receipt = super().launch(prepared)
        return replace(receipt, node_ids={rank + 1: id_ for rank, id_ in receipt.node_ids.items()})


@WRONG.breaks("test_receipt_ids_are_node_ids")
class Operations(MemoryCloud):
    """The request's id where the machine's is meant."""

    def launch(self, prepared: Prepared) -> Receipt:
        receipt = super().launch(prepared)
        return replace(receipt, node_ids={rank: f"op-{id_}" for rank, id_ in receipt.node_ids.items()})


@WRONG.breaks("test_gang_has_one_node_per_rank")
class AllAreFirst(BareMemoryCloud):
    """Every node says that it is rank 0."""

    def _node(self, machine: Machine, owner: Owner, rank: int | None) -> Node:
        return super()._node(machine, owner, 0)


@WRONG.breaks("test_gang_nodes_have_ids_of_their_own")
class OneIdForAll(BareMemoryCloud):
    """The launch's id for each of its machines."""

    def launch(self, prepared: Prepared) -> Receipt:
        receipt = super().launch(prepared)
        return replace(receipt, node_ids=dict.fromkeys(receipt.node_ids, prepared.token))

    def _node(self, machine: Machine, owner: Owner, rank: int | None) -> Node:
        return replace(super()._node(machine, owner, rank), id=machine.token)


@WRONG.breaks("test_replay_makes_no_second_machine")
class IgnoresTokens(MemoryCloud):
    """A replay buys another machine."""

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        return self.account.create(
            lambda rank, id_: self._machine(prepared, payload, rank, id_), prepared.ranks, "", self._clock
        )


@WRONG.breaks("test_replay_is_answered_with_a_receipt")
class RefusesReplays(NamedMemoryCloud):
    """Says that the name is taken, by us."""

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        if self._machines_of(prepared.scope, prepared.owner):
            raise Conflict(f"{prepared.owner.name} is there already")
        return super()._create(prepared, payload)


@WRONG.breaks("test_an_offer_nobody_sells_is_refused")
class SellsAnything(MemoryCloud):
    """Some other machine for a type that does not exist."""

    def _must_have_room(self, prepared: Prepared, payload: Mapping[str, Any]) -> None:
        pass


# -- observe


class Retouched(MemoryCloud):
    """Nodes that differ in some fields from what is there."""

    change: ClassVar[Mapping[str, Any]] = {}

    def _node(self, machine: Machine, owner: Owner, rank: int | None) -> Node:
        return replace(super()._node(machine, owner, rank), **self.change)


@WRONG.breaks("test_running_nodes_can_be_reached")
class NoWayThere(Retouched):
    """Running, nobody knows where."""

    change: ClassVar[Mapping[str, Any]] = {"endpoint": None}


@WRONG.breaks("test_nodes_are_typed")
class OwnWords(Retouched):
    """The provider's word for billing."""

    change: ClassVar[Mapping[str, Any]] = {"billing": "per-second"}


@WRONG.breaks("test_costs_are_decimals")
class CostsFloat(Retouched):
    """A cost as a float."""

    change: ClassVar[Mapping[str, Any]] = {"hourly_cost": 0.1}


@WRONG.breaks("test_node_names_can_be_read_back")
class PetNames(Retouched):
    """A name that says nothing."""

    change: ClassVar[Mapping[str, Any]] = {"name": "rex"}


@WRONG.breaks("test_node_token_is_that_of_its_launch")
class StrangeToken(Retouched):
    """A token of something else."""

    change: ClassVar[Mapping[str, Any]] = {"token": "another"}


@WRONG.breaks("test_private_networks_have_addresses")
class NoPrivateAddress(Retouched):
    """A private network without addresses."""

    change: ClassVar[Mapping[str, Any]] = {"private_ip": None}


class Misreports(MemoryCloud):
    """An observation that is changed on its way out."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        """What is told instead."""
        raise NotImplementedError

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        return self.changed(super().observe(scope, owners), owners)

    def all(self, scope: Scope) -> tuple[Node, ...]:
        """Every node of this installation there."""
        return super().observe(scope, None).nodes


@WRONG.breaks("test_observation_is_of_the_scope_asked_for")
class Elsewhere(Misreports):
    """The answer to another question."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        return replace(seen, scope=Scope("elsewhere"))


@WRONG.breaks("test_observation_time_is_utc")
class LocalTime(Misreports):
    """A time without a zone."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        return replace(seen, as_of=seen.as_of.astimezone(UTC).replace(tzinfo=None))


@WRONG.breaks("test_everything_includes_each_owner")
class FirstPage(Misreports):
    """The newest machine alone, as the first page of a listing."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        return seen if owners is not None else replace(seen, nodes=seen.nodes[-1:])


@WRONG.breaks("test_owners_filter")
class NoFilter(Misreports):
    """Everybody's nodes, whoever is asked for."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        return replace(seen, nodes=self.all(seen.scope)) if owners else seen


@WRONG.breaks("test_no_owners_is_not_everybody")
class Falsy(Misreports):
    """``if not owners``."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        return seen if owners else replace(seen, nodes=self.all(seen.scope))


@WRONG.breaks("test_nodes_are_in_their_scope_only")
class Global(MemoryCloud):
    """One listing for all places."""

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = [super(Global, self).observe(place, owners) for place in (scope, *self.scopes()) if place]
        nodes = {node.id: node for one in seen for node in one.nodes}
        return replace(seen[0], nodes=tuple(nodes.values()))


@WRONG.breaks("test_unknown_scope_is_a_provider_error_or_empty")
class Crashes(MemoryCloud):
    """A KeyError for a place that is not there."""

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        {place.name: place for place in self.scopes()}[scope.name]
        return super().observe(scope, owners)


@WRONG.breaks("test_other_installations_are_not_shown")
class Nosy(MemoryCloud):
    """Everybody's machines, as one's own."""

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = super().observe(scope, owners)
        machines = self.account.machines(scope.name, self.services.clock)
        known = [(machine, self._identify(machine)) for machine in machines]
        nodes = [self._node(machine, *who) for machine, who in known if who is not None]
        return replace(seen, nodes=tuple(node for node in nodes if owners is None or node.owner in owners))


# -- terminate


@WRONG.breaks("test_terminate_removes_every_node", litters=True)
class RemovesTheHead(MemoryCloud):
    """Rank 0 alone."""

    traits: ClassVar[Traits] = HASTY

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        self._must_be_ours(owner)
        for machine in self._machines_of(scope, owner):
            if machine.name == owner.node_name(0):
                self.account.delete(machine.id)


@WRONG.breaks("test_terminate_leaves_no_leftover")
class LeavesDisks(MemoryCloud):
    """Machines go, disks stay."""

    traits: ClassVar[Traits] = HASTY

    def launch(self, prepared: Prepared) -> Receipt:
        self.account.__dict__.setdefault("disks", []).append((prepared.owner, prepared.scope))
        return super().launch(prepared)

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        disks = [owner for owner, where in self.account.__dict__.get("disks", []) if where == scope]
        ours = [owner for owner in disks if owner.installation == self.services.installation]
        ours = [owner for owner in ours if owners is None or owner in owners]
        leftovers = tuple(Leftover(f"disk-{n}", "disk", owner) for n, owner in enumerate(ours))
        return replace(super().observe(scope, owners), leftovers=leftovers)


@WRONG.breaks("test_terminate_is_final")
class Lags(MemoryCloud):
    """Listings that forget a machine for three seconds, and then have it again."""

    traits: ClassVar[Traits] = replace(MemoryCloud.traits, settle_after=5.0)

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        self._must_be_ours(owner)
        hidden = self.account.__dict__.setdefault("hidden", {})
        now = self.services.clock.monotonic()
        if now - hidden.setdefault(owner, now) >= 3.0:
            super().terminate(scope, owner, receipts)

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen, hidden = super().observe(scope, owners), self.account.__dict__.get("hidden", {})
        now = self.services.clock.monotonic()
        return replace(seen, nodes=tuple(n for n in seen.nodes if now - hidden.get(n.owner, -9.0) >= 3.0))


class KnowsOwners(MemoryCloud):
    """Remembers, on the far side, whom it has launched for."""

    def launch(self, prepared: Prepared) -> Receipt:
        self.account.__dict__.setdefault("owners", set()).add(prepared.owner)
        return super().launch(prepared)

    def gone(self, scope: Scope, owner: Owner) -> bool:
        """Whether there is nothing of this owner."""
        return owner.installation == self.services.installation and not self._machines_of(scope, owner)

    def known(self, owner: Owner) -> bool:
        """Whether there ever was."""
        return owner in self.account.__dict__.get("owners", ())


@WRONG.breaks("test_terminate_again_succeeds")
class ComplainsTheSecondTime(KnowsOwners):
    """Not found, the second time."""

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        if self.gone(scope, owner) and self.known(owner):
            raise NotFound(f"{owner.name} is gone")
        super().terminate(scope, owner, receipts)


@WRONG.breaks("test_terminate_of_nothing_succeeds")
class ComplainsOfNothing(KnowsOwners):
    """Not found, for what never was."""

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        if self.gone(scope, owner) and not self.known(owner):
            raise NotFound(f"{owner.name} never was")
        super().terminate(scope, owner, receipts)


@WRONG.breaks("test_terminate_needs_no_receipt")
class ByReceiptOnly(MemoryCloud):
    """Removes what receipts name, and nothing that they do not."""

    traits: ClassVar[Traits] = HASTY

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        self._must_be_ours(owner)
        named = {id_ for receipt in receipts for id_ in receipt.node_ids.values()}
        for machine in self._machines_of(scope, owner):
            if machine.id in named:
                self.account.delete(machine.id)


class RemovesMore(MemoryCloud):
    """Removes what it takes for the owner's."""

    def takes(self, theirs: Owner, owner: Owner) -> bool:
        """Whether a machine of ``theirs`` goes with ``owner``."""
        raise NotImplementedError

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        for machine in self.account.machines(scope.name, self.services.clock):
            known = self._identify(machine)
            if known is not None and self.takes(known[0], owner):
                self.account.delete(machine.id)


@WRONG.breaks("test_second_attempt_stays")
class WholeCluster(RemovesMore):
    """Every attempt of the cluster."""

    def takes(self, theirs: Owner, owner: Owner) -> bool:
        self._must_be_ours(owner)
        return (theirs.installation, theirs.cluster) == (owner.installation, owner.cluster)


@WRONG.breaks("test_other_installations_namesake_stays")
class EveryInstallation(RemovesMore):
    """The same cluster and attempt, whoever's."""

    def takes(self, theirs: Owner, owner: Owner) -> bool:
        self._must_be_ours(owner)
        return (theirs.cluster, theirs.attempt) == (owner.cluster, owner.attempt)


@WRONG.breaks("test_other_installations_are_not_terminated")
class Obedient(RemovesMore):
    """Removes another installation's when it is told to."""

    def takes(self, theirs: Owner, owner: Owner) -> bool:
        return theirs == owner


@WRONG.breaks("test_a_receipt_is_no_licence")
class TrustsReceipts(MemoryCloud):
    """Removes whatever a receipt names."""

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        super().terminate(scope, owner, receipts)
        for receipt in receipts:
            for id_ in receipt.node_ids.values():
                self.account.delete(id_)


# -- stop and start


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


# -- capabilities


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

    def self_stop_command(self, node: Node, mode: SelfStop) -> str:
        return super().self_stop_command(node, SelfStop.TERMINATE)


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
