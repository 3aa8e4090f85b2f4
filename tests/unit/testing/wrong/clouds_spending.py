"""Clouds that break a rule about money."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from clouds_base import WRONG

from styx.api import Owner, Prepared, Receipt
from styx.testing.memory import MemoryCloud, NamedMemoryCloud
from styx.testing.memory.account import Machine


@WRONG.breaks("test_receipts_are_plain_data")
class CostsAsFloat(MemoryCloud):
    """A cost as a float."""

    def launch(self, prepared: Prepared) -> Receipt:
        return replace(super().launch(prepared), hourly_cost=0.1)  # type: ignore[arg-type]


@WRONG.breaks("test_a_spent_token_buys_nothing")
class ForgetsTheDead(MemoryCloud):
    """A token is free again once its machines are gone."""

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        there = {machine.id for machine in self.account.machines(prepared.scope.name, self._clock)}
        if there.isdisjoint(self.account._launches.get(prepared.token, ())):
            self.account._launches.pop(prepared.token, None)
        return super()._create(prepared, payload)


@WRONG.breaks("test_a_token_is_for_one_launch")
class TokenAndType(MemoryCloud):
    """The same token under another type is another launch."""

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        token = f"{prepared.token}/{payload['kind']}"
        return self.account.create(
            lambda rank, id_: self._machine(prepared, payload, rank, id_), prepared.ranks, token, self._clock
        )


@WRONG.breaks("test_more_than_there_is_buys_nothing")
class AsManyAsThereAre(MemoryCloud):
    """Makes what it can, and says that it made all."""

    def _must_have_room(self, prepared: Prepared, payload: Mapping[str, Any]) -> None:
        super()._must_have_room(replace(prepared, ranks=prepared.ranks[:1]), payload)

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        some = replace(prepared, ranks=prepared.ranks[:8], token=prepared.token)
        made = super()._create(some, payload)
        return [*made, *("m-none" for _ in prepared.ranks[8:])]


@WRONG.breaks("test_ids_are_never_used_again")
class Slots(MemoryCloud):
    """The number of a place for the machine in it."""

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        made = super()._create(prepared, payload)
        machines = self.account._machines
        for n, id_ in enumerate(made):
            if id_ in machines and id_ < "m-9":
                free = next(f"m-9{n}" for n in itertools.count() if f"m-9{n}" not in machines)
                machines[free] = replace(machines.pop(id_), id=free)
                made[n] = free  # in the account's own record, too
        return made


@WRONG.breaks("test_spot_is_bought_as_spot")
class FullPrice(MemoryCloud):
    """On demand, whatever was asked for."""

    def _machine(self, prepared: Prepared, payload: Mapping[str, Any], rank: int, id_: str) -> Machine:
        return replace(super()._machine(prepared, payload, rank, id_), spot=False)


@WRONG.breaks("test_the_longest_names_are_kept")
class ShortNames(NamedMemoryCloud):
    """Names of 38 characters."""

    def _create(self, prepared: Prepared, payload: Mapping[str, Any]) -> list[str]:
        names = {rank: name[:38] for rank, name in payload["names"].items()}
        return super()._create(prepared, {**payload, "names": names})


@WRONG.breaks("test_a_cluster_named_like_an_attempt_stays", litters=False)
class ByPrefix(MemoryCloud):
    """Removes what is named like it, and more."""

    def _ranked(self, scope: Any, owner: Owner, receipts: Any = ()) -> list[tuple[Machine, int | None]]:
        return [(machine, rank) for machine, who, rank in self._ours(scope) if who.name.startswith(owner.name)]
