"""Clouds that break a rule about removing single machines."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import ClassVar

from clouds_base import WRONG

from styx.api import NotFound, Owner, Scope, Traits
from styx.testing.memory import SearchableMemoryCloud
from styx.testing.memory.account import Machine


@WRONG.breaks("test_discard_removes_those_nodes")
class DiscardsNothing(SearchableMemoryCloud):
    """Says that it was done."""

    traits: ClassVar[Traits] = replace(SearchableMemoryCloud.traits, boot_deadline=1.1)

    def discard(self, scope: Scope, owner: Owner, node_ids: Collection[str]) -> None:
        pass


@WRONG.breaks("test_discard_leaves_the_others")
class DiscardsTheAttempt(SearchableMemoryCloud):
    """All of it."""

    def discard(self, scope: Scope, owner: Owner, node_ids: Collection[str]) -> None:
        if any(machine.id in node_ids for machine in self._machines_of(scope, owner)):
            self.terminate(scope, owner, ())


@WRONG.breaks("test_discard_again_succeeds")
class DiscardsOnce(SearchableMemoryCloud):
    """Not found, the second time."""

    def discard(self, scope: Scope, owner: Owner, node_ids: Collection[str]) -> None:
        there = {machine.id for machine in self.account.machines(scope.name, self._clock)}
        if not there & set(node_ids):
            raise NotFound("it is gone")
        super().discard(scope, owner, node_ids)


@WRONG.breaks("test_discard_is_for_the_owners_nodes")
class DiscardsById(SearchableMemoryCloud):
    """Whosever it is, of this installation."""

    def _discardable(self, scope: Scope, owner: Owner) -> list[Machine]:
        return [machine for machine, _, _ in self._ours(scope)]


@WRONG.breaks("test_other_installations_are_not_discarded")
class DiscardsAnybodys(SearchableMemoryCloud):
    """Whosever installation it is."""

    def discard(self, scope: Scope, owner: Owner, node_ids: Collection[str]) -> None:
        for machine in self.account.machines(scope.name, self._clock):
            known = self._identify(machine)
            if known is not None and known[0] == owner and machine.id in node_ids:
                self.account.delete(machine.id)
