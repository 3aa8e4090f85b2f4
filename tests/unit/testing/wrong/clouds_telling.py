"""Clouds that break a rule about the details of what they tell."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from clouds_base import WRONG, Misreports, Retouched

from styx.api import (
    Cause,
    Endpoint,
    LaunchOutcome,
    LaunchState,
    Leftover,
    Node,
    Observation,
    Owner,
    Prepared,
    Receipt,
    Scope,
    Unsupported,
)
from styx.testing.memory import AnonymousMemoryCloud, MemoryCloud
from styx.testing.memory.account import Machine


@WRONG.breaks("test_every_scope_can_be_observed")
class EmptyPlacesAreErrors(MemoryCloud):
    """Refuses to list where nothing is."""

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = super().observe(scope, owners)
        if owners is None and scope.name == "west" and not seen.nodes:
            raise Unsupported(f"nothing in {scope.name}", capability="listing")
        return seen


@WRONG.breaks("test_each_node_is_listed_once")
class OverlappingPages(Misreports):
    """The last machine of a page once more on the next."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        return seen if owners is not None else replace(seen, nodes=(*seen.nodes, *seen.nodes[-1:]))


@WRONG.breaks("test_observation_is_not_from_the_future")
class Tomorrow(Misreports):
    """A clock that is a day ahead."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        return replace(seen, as_of=seen.as_of + timedelta(days=1))


@WRONG.breaks("test_endpoints_are_plain_text")
class NumberedPorts(MemoryCloud):
    """A port as a number."""

    @staticmethod
    def _endpoint(machine: Machine) -> Endpoint:
        options: Any = {"host": f"192.0.2.{machine.number}", "port": 22}
        return Endpoint("ssh", options)


@WRONG.breaks("test_each_node_has_its_own_endpoint")
class OneDoor(Retouched):
    """Everybody behind one address."""

    change: ClassVar[Mapping[str, Any]] = {"endpoint": Endpoint("ssh", {"host": "192.0.2.1"})}


@WRONG.breaks("test_causes_need_evidence")
class BlamesByDefault(Retouched):
    """The provider, for want of anything else."""

    change: ClassVar[Mapping[str, Any]] = {"cause": Cause.PROVIDER}

    def _node(self, machine: Machine, owner: Owner | None, rank: int | None) -> Node:
        node = super()._node(machine, owner, rank)
        return node if node.endpoint is not None else replace(node, cause=Cause.USER)


@WRONG.breaks("test_instance_type_is_what_was_rented")
class FamilyOnly(Retouched):
    """Half of the type."""

    change: ClassVar[Mapping[str, Any]] = {"instance_type": "s"}


@WRONG.breaks("test_region_and_zone_are_those_that_were_rented")
class ZoneForRegion(Retouched):
    """The zone where the region belongs."""

    change: ClassVar[Mapping[str, Any]] = {"region": "east-a"}


@WRONG.breaks("test_created_at_has_gone_by")
class BornHere(MemoryCloud):
    """The local time of birth, without saying where."""

    def _node(self, machine: Machine, owner: Owner | None, rank: int | None) -> Node:
        node = super()._node(machine, owner, rank)
        return replace(node, created_at=node.created_at.replace(tzinfo=None) if node.created_at else None)


@WRONG.breaks("test_launch_outcomes_are_typed")
class FailsByWord(Misreports):
    """A failure without an error."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        stock = LaunchOutcome("t-1", Owner(self.services.installation, "c", "aaaa"), LaunchState.FAILED)
        return replace(seen, launches=(stock,))


@WRONG.breaks("test_leftovers_are_typed")
class CheapDisks(Misreports):
    """A cost as a float."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        owner = Owner(self.services.installation, "c", "aaaa")
        return replace(seen, leftovers=(Leftover("disk-1", "disk", owner, 0.1),))  # type: ignore[arg-type]


@WRONG.breaks("test_leftovers_tell_their_owner")
class NobodysDisks(Misreports):
    """No owner, though its machines have one."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        return replace(seen, leftovers=(Leftover("disk-1", "disk", None),))


@WRONG.breaks("test_ranks_agree_with_the_receipt")
class Swaps(MemoryCloud):
    """The ids in the order of the answer, which is another."""

    def launch(self, prepared: Prepared) -> Receipt:
        receipt = super().launch(prepared)
        return replace(receipt, node_ids=dict(zip(receipt.node_ids, reversed(receipt.node_ids.values()), strict=True)))


@WRONG.breaks("test_nodes_tell_their_owner")
class Withholds(Misreports):
    """No owners, though the tags are there."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        return replace(seen, nodes=tuple(replace(node, owner=None) for node in seen.nodes))


@WRONG.breaks("test_what_is_nobodys_is_always_listed")
class FiltersNobodys(AnonymousMemoryCloud):
    """Filters by what it once noted, and tells nobody's."""

    def launch(self, prepared: Prepared) -> Receipt:
        receipt = super().launch(prepared)
        self.account.__dict__.setdefault("notes", {}).update(dict.fromkeys(receipt.node_ids.values(), prepared.owner))
        return receipt

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen, notes = super().observe(scope, owners), self.account.__dict__.get("notes", {})
        return replace(seen, nodes=tuple(n for n in seen.nodes if owners is None or notes.get(n.id) in owners))


@WRONG.breaks("test_a_receipt_is_enough_for_a_fresh_object")
class RemovesItsOwn(AnonymousMemoryCloud):
    """Removes what this object has launched."""

    def launch(self, prepared: Prepared) -> Receipt:
        receipt = super().launch(prepared)
        self.__dict__.setdefault("launched", set()).update(receipt.node_ids.values())
        return receipt

    def _ranked(self, scope: Scope, owner: Owner, receipts: Any = ()) -> list[tuple[Machine, int | None]]:
        known = self.__dict__.get("launched", ())
        return [(machine, rank) for machine, rank in super()._ranked(scope, owner, receipts) if machine.id in known]
