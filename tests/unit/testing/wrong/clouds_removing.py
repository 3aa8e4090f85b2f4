"""Clouds that break a rule about removing, and nothing else."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import ClassVar

from clouds_base import HASTY, WRONG

from styx.api import (
    Leftover,
    NotFound,
    Observation,
    Owner,
    Prepared,
    Receipt,
    Scope,
    Traits,
)
from styx.testing.memory import MemoryCloud


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
    """Listings that forget a machine for eight seconds, when five are declared, and then have it again."""

    traits: ClassVar[Traits] = replace(MemoryCloud.traits, settle_after=5.0)

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        self._must_be_ours(owner)
        hidden = self.account.__dict__.setdefault("hidden", {})
        now = self.services.clock.monotonic()
        if now - hidden.setdefault(owner, now) >= 8.0:
            super().terminate(scope, owner, receipts)

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        seen, hidden = super().observe(scope, owners), self.account.__dict__.get("hidden", {})
        now = self.services.clock.monotonic()
        return replace(seen, nodes=tuple(n for n in seen.nodes if now - hidden.get(n.owner, -9.0) >= 8.0))


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
