"""Clouds that break a rule about preparing and launching."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from clouds_base import HASTY, WRONG, stamp

from styx.api import (
    Conflict,
    LaunchRequest,
    Node,
    NodeState,
    OfferGone,
    Owner,
    Prepared,
    Receipt,
    Traits,
)
from styx.testing.memory import BareMemoryCloud, MemoryCloud, NamedMemoryCloud
from styx.testing.memory.account import Machine


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
        token = stamp(owner.installation, owner.cluster, request.ranks, offer.scope, offer.instance_type, request.spot)
        return replace(super().prepare(request), token=token)


@WRONG.breaks("test_token_differs_for_other_ranks")
class TokenPerOffer(MemoryCloud):
    """A token that forgets the ranks."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        token = stamp(request.owner, request.offer.scope, request.offer.instance_type, request.spot)
        return replace(super().prepare(request), token=token)


@WRONG.breaks("test_token_differs_for_another_offer")
class TokenPerOwner(MemoryCloud):
    """A token that forgets the offer."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        return replace(
            super().prepare(request), token=stamp(request.owner, request.ranks, request.offer.scope, request.spot)
        )


@WRONG.breaks("test_launched_nodes_come_to_run")
class NeverBoots(MemoryCloud):
    """Machines that stay pending."""

    traits: ClassVar[Traits] = HASTY

    def _node(self, machine: Machine, owner: Owner | None, rank: int | None) -> Node:
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
    """The first two nodes say that they are rank 0."""

    def _node(self, machine: Machine, owner: Owner | None, rank: int | None) -> Node:
        return super()._node(machine, owner, 0 if rank == 1 else rank)


@WRONG.breaks("test_gang_nodes_have_ids_of_their_own")
class OneIdForAll(BareMemoryCloud):
    """The launch's id for each of its machines."""

    def launch(self, prepared: Prepared) -> Receipt:
        receipt = super().launch(prepared)
        return replace(receipt, node_ids=dict.fromkeys(receipt.node_ids, prepared.token))

    def _node(self, machine: Machine, owner: Owner | None, rank: int | None) -> Node:
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
        with contextlib.suppress(OfferGone):
            super()._must_have_room(prepared, payload)
