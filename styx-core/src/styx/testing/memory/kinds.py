"""The reference cloud once for each way in which a launch whose answer was lost is found again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from styx.api import Conflict, Idempotency, Owner, Prepared, Receipt, Scope, Traits
from styx.testing.memory.account import Machine
from styx.testing.memory.cloud import MemoryCloud


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


class SearchableMemoryCloud(MemoryCloud):
    """Neither token nor unique names, but tags: a replay buys another machine, and a listing shows both."""

    traits: ClassVar[Traits] = replace(
        MemoryCloud.traits, idempotency=Idempotency.SEARCH, token_lifetime=0.0, settle_after=5.0
    )

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        return self.account.create(
            lambda rank, id_: self._machine(prepared, payload, rank, id_), prepared.ranks, "", self._clock
        )

    def _machine(self, prepared: Prepared, payload: Mapping[str, Any], rank: int, id_: str) -> Machine:
        return replace(super()._machine(prepared, payload, rank, id_), token="")


class AnonymousMemoryCloud(SearchableMemoryCloud):
    """Neither token, name nor tag: the id in the answer is all there is.

    What it was told goes into a note in the state directory, because a listing alone cannot say whose a machine is. A
    machine whose answer was lost is in no note and so in no observation.
    """

    traits: ClassVar[Traits] = replace(SearchableMemoryCloud.traits, idempotency=Idempotency.NONE)

    def launch(self, prepared: Prepared) -> Receipt:
        """Launch, and note which ids were given to whom."""
        receipt = super().launch(prepared)
        with self.account.lock:
            notes = self._notes()
            notes |= {id_: prepared.owner.node_name(rank) for rank, id_ in receipt.node_ids.items()}
            (self.services.state_dir / "machines.json").write_text(json.dumps(notes))
        return receipt

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Delete the machines that the receipts name, unless they are noted as somebody else's."""
        super().terminate(scope, owner, receipts)
        there = {machine.id: machine for machine in self.account.machines(scope.name, self._clock)}
        for id_ in (id_ for receipt in receipts for id_ in receipt.node_ids.values() if id_ in there):
            known = self._identify(there[id_])
            if known is not None and known[0] != owner:
                raise Conflict(f"{id_} belongs to {known[0].name}", owner=known[0].name)
            self.account.delete(id_)

    def _machine(self, prepared: Prepared, payload: Mapping[str, Any], rank: int, id_: str) -> Machine:
        return replace(super()._machine(prepared, payload, rank, id_), name="", tags={})

    def _identify(self, machine: Machine) -> tuple[Owner, int | None] | None:
        return Owner.parse(self._notes().get(machine.id, ""))

    def _notes(self) -> dict[str, str]:
        try:
            return dict(json.loads((self.services.state_dir / "machines.json").read_text()))
        except FileNotFoundError:
            return {}


MEMORY_CLOUDS: Mapping[Idempotency, type[MemoryCloud]] = {
    cloud.traits.idempotency: cloud
    for cloud in (MemoryCloud, NamedMemoryCloud, SearchableMemoryCloud, AnonymousMemoryCloud)
}
