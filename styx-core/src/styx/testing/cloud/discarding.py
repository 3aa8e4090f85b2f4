"""Rules for clouds of which single machines can be removed."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

import pytest

from styx.api import Cloud, Idempotency, Owner, ProviderError, SupportsDiscard
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab, Launched, ids
from styx.testing.since import since
from styx.testing.verdict import ContractBroken, GaveUp, expect, succeeds

WORKS = "test_discard_removes_those_nodes"


class DiscardRules(CloudRules):
    """What a cloud with SupportsDiscard must and must not do; skipped for others."""

    @pytest.fixture
    def discarding(self, cloud: Cloud) -> SupportsDiscard:
        """The cloud, seen as one that can discard."""
        if not isinstance(cloud, SupportsDiscard):
            pytest.skip("the cloud does not implement SupportsDiscard")
        return cloud

    @since(1, 1)
    def test_discard_removes_those_nodes(self, discarding: SupportsDiscard, lab: Lab, gang_size: int) -> None:
        """After discard(), asked for as often as it takes, the node that it names is gone."""
        launched = lab.running(range(gang_size))
        extra = launched.nodes[-1].id
        problem = ""
        try:
            _discarded(discarding, lab, launched, extra)
        except (GaveUp, ProviderError) as error:
            problem = str(error)
        expect(
            not problem,
            did=f"node {extra} was discarded: {problem}",
            contract="discard() removes these nodes of the attempt",
            change="delete the machines whose ids are in node_ids",
        )

    @since(1, 1)
    def test_discard_leaves_the_others(self, discarding: SupportsDiscard, lab: Lab, gang_size: int) -> None:
        """The others of the attempt, and those of another attempt, stay."""
        other = lab.running()
        launched = lab.running(range(gang_size))
        self._discard_or_skip(discarding, lab, launched, launched.nodes[-1].id)
        left = {node.id for one in (launched, other) for node in lab.nodes(one.owner)}
        stay = {node.id for node in (*launched.nodes[:-1], *other.nodes)}
        expect(
            left == stay,
            did=f"discarding {launched.nodes[-1].id} left {sorted(left)} of {sorted(stay)}",
            contract="discard() removes these nodes and leaves the attempt's others alone",
            change="delete by id, never by the attempt's name or tag",
        )

    @since(1, 1)
    def test_discard_again_succeeds(self, discarding: SupportsDiscard, lab: Lab, gang_size: int) -> None:
        """Discarding what is gone already is success."""
        launched = lab.running(range(gang_size))
        extra = launched.nodes[-1].id
        self._discard_or_skip(discarding, lab, launched, extra)
        with succeeds(
            "discarding the same node again",
            contract="discard() is idempotent",
            change="swallow the provider's not-found",
        ):
            _ask(discarding, lab, launched, launched.owner, {extra})

    @since(1, 1)
    def test_discard_is_for_the_owners_nodes(self, discarding: SupportsDiscard, lab: Lab) -> None:
        """An id that belongs to another attempt is not removed, whoever names it."""
        if lab.cloud.traits.idempotency is Idempotency.NONE:
            pytest.skip("none: nobody can tell whose a machine is")
        launched = lab.running()
        with contextlib.suppress(ProviderError):
            _ask(discarding, lab, launched, lab.owner(), ids(launched))
        _stayed(lab, launched, "another attempt", "compare name or tags of what node_ids name with the owner")

    @since(1, 1)
    def test_other_installations_are_not_discarded(
        self, discarding: SupportsDiscard, lab: Lab, neighbour: Cloud
    ) -> None:
        """Asked by mistake to discard what another installation owns, it does not."""
        theirs = lab.running(cloud=neighbour)
        with contextlib.suppress(ProviderError):  # refusing loudly is fine
            _ask(discarding, lab, theirs, theirs.owner, ids(theirs))
        _stayed(
            lab, theirs, "another installation", "raise Conflict unless owner.installation == services.installation"
        )

    @staticmethod
    def _discard_or_skip(cloud: SupportsDiscard, lab: Lab, launched: Launched, node_id: str) -> None:
        try:
            _discarded(cloud, lab, launched, node_id)
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs discard() to work; {WORKS} shows what is wrong ({error})")


def _ask(cloud: SupportsDiscard, lab: Lab, launched: Launched, owner: Owner, node_ids: Collection[str]) -> None:
    lab.driver.call(lambda: cloud.discard(launched.scope, owner, node_ids), what="discard()")


def _discarded(cloud: SupportsDiscard, lab: Lab, launched: Launched, node_id: str) -> None:
    lab.until_gone(
        lambda: _ask(cloud, lab, launched, launched.owner, {node_id}),
        lambda seen: node_id in {node.id for node in lab.staying(seen, launched.owner)},
        (launched.owner, launched.scope, launched.cloud),
        what=f"the removal of {node_id}",
    )


def _stayed(lab: Lab, launched: Launched, whose: str, change: str) -> None:
    __tracebackhide__ = True
    left = {node.id for node in lab.nodes(launched.owner, cloud=launched.cloud)}
    lost = [node.id for node in launched.nodes if node.id not in left]
    expect(
        not lost,
        did=f"discard() removed {lost}, which belong to {whose}",
        contract="with an owner whose nodes they are not, nothing is removed",
        change=change,
    )
