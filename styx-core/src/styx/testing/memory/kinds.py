"""The reference cloud once for each way in which a launch whose answer was lost is found again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from styx.api import Idempotency, Node, Owner, Prepared, Receipt, Scope, Traits
from styx.testing.memory.account import Machine
from styx.testing.memory.cloud import BareMemoryCloud, MemoryCloud, SwitchableMemoryCloud


class NamedMemoryCloud(MemoryCloud):
    """No tokens and no tags, but names are unique: a replay finds the machine that has the name."""

    traits: ClassVar[Traits] = replace(MemoryCloud.traits, idempotency=Idempotency.NAME)

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        by_name = {machine.name: machine.id for machine in self.account.machines(prepared.scope.name, self._clock)}
        names = {rank: payload["names"][str(rank)] for rank in prepared.ranks}
        missing = [rank for rank in prepared.ranks if names[rank] not in by_name]
        made = self.account.create(
            lambda rank, id_: self._machine(prepared, payload, rank, id_), missing, "", self._clock
        )
        new = dict(zip(missing, made, strict=True))
        return [new[rank] if rank in new else by_name[names[rank]] for rank in prepared.ranks]

    def _machine(self, prepared: Prepared, payload: Mapping[str, Any], rank: int, id_: str) -> Machine:
        return replace(super()._machine(prepared, payload, rank, id_), tags={}, token="")

    def _identify(self, machine: Machine) -> tuple[Owner, int | None] | None:
        return Owner.parse(machine.name)


class Unprotected(BareMemoryCloud):
    """A launch that is repeated buys another machine; what is one too many can be removed by itself."""

    def discard(self, scope: Scope, owner: Owner, node_ids: Collection[str]) -> None:
        """Delete these machines, as far as they are the owner's."""
        with self.account.call("discard", scope, owner, node_ids):
            self._must_be_ours(owner)
            for machine in self._discardable(scope, owner):
                if machine.id in node_ids:
                    self.account.delete(machine.id)

    def _discardable(self, scope: Scope, owner: Owner) -> list[Machine]:
        return self._machines_of(scope, owner)

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        return self.account.create(
            lambda rank, id_: self._machine(prepared, payload, rank, id_), prepared.ranks, "", self._clock
        )

    def _machine(self, prepared: Prepared, payload: Mapping[str, Any], rank: int, id_: str) -> Machine:
        return replace(super()._machine(prepared, payload, rank, id_), token="")


class SearchableMemoryCloud(Unprotected, MemoryCloud):
    """Neither token nor unique names, but tags: a replay buys another machine, and a listing shows both."""

    traits: ClassVar[Traits] = replace(
        MemoryCloud.traits, idempotency=Idempotency.SEARCH, token_lifetime=0.0, settle_after=5.0
    )


class AnonymousMemoryCloud(Unprotected, SwitchableMemoryCloud):
    """Neither token, name nor tag: the id in the answer is all there is.

    It keeps no notes: every machine of the account is listed with no owner, and core goes by its receipts. Ports cannot
    be opened later, because nothing says on which machines.
    """

    traits: ClassVar[Traits] = replace(SearchableMemoryCloud.traits, idempotency=Idempotency.NONE)

    def _machine(self, prepared: Prepared, payload: Mapping[str, Any], rank: int, id_: str) -> Machine:
        return replace(super()._machine(prepared, payload, rank, id_), name="", tags={})

    def _listed(self, scope: Scope, owners: Collection[Owner] | None) -> list[Node]:
        del owners  # whoever is asked for: nobody can tell
        return [self._node(machine, None, None) for machine in self.account.machines(scope.name, self._clock)]

    def _ranked(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt] = ()) -> list[tuple[Machine, int | None]]:
        del owner
        named = {id_: rank for receipt in receipts for rank, id_ in receipt.node_ids.items()}
        there = self.account.machines(scope.name, self._clock)
        return [(machine, named[machine.id]) for machine in there if machine.id in named]

    def _discardable(self, scope: Scope, owner: Owner) -> list[Machine]:
        del owner
        return self.account.machines(scope.name, self._clock)


MEMORY_CLOUDS: Mapping[Idempotency, type[BareMemoryCloud]] = {
    cloud.traits.idempotency: cloud
    for cloud in (MemoryCloud, NamedMemoryCloud, SearchableMemoryCloud, AnonymousMemoryCloud)
}
