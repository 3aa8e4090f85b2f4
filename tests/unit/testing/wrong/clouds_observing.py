"""Clouds that break a rule about saying what is there."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any, ClassVar

from clouds_base import WRONG, Misreports, Retouched

from styx.api import (
    Observation,
    Owner,
    Scope,
)
from styx.testing.memory import MemoryCloud


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


@WRONG.breaks("test_every_page_is_read")
class NoSecondPage(MemoryCloud):
    """Looks for an owner's among the first three machines, as on the first page of a listing."""

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen = super().observe(scope, owners)
        page = {machine.id for machine in self.account.machines(scope.name, self._clock)[:3]}
        return seen if owners is None else replace(seen, nodes=tuple(node for node in seen.nodes if node.id in page))


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
