"""Clouds that break a rule about the object itself or about its offers."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

import making
from clouds_base import WRONG

from styx.api import (
    Fault,
    Identity,
    NotFound,
    Observation,
    Offer,
    OfferQuery,
    Owner,
    Prepared,
    Receipt,
    Scope,
    Traits,
)
from styx.testing.memory import BareMemoryCloud, MemoryCloud


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
class ConnectsAtOnce(making.ConnectsAtOnce, MemoryCloud):
    """A client made in the constructor."""


@WRONG.breaks("test_the_object_can_be_made_again")
class Singleton(making.Singleton, MemoryCloud):
    """One object for everybody."""


@WRONG.breaks("test_pace_is_seconds_by_method")
class PacesRequests(MemoryCloud):
    """The provider's word for what the contract calls a launch."""

    traits: ClassVar[Traits] = replace(MemoryCloud.traits, pace={"RunInstances": 1.0})


@WRONG.breaks("test_faults_are_faults")
class ComplainsInProse(MemoryCloud):
    """Sentences alone."""

    def faults(self) -> Sequence[Fault]:
        return ["the quota is low"]  # type: ignore[list-item]


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
