"""Rules for clouds that cannot tell whose a machine is (``Idempotency.NONE``), and for those that can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from styx.api import Cloud, Idempotency, ProviderError
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab, ids
from styx.testing.since import since
from styx.testing.verdict import GaveUp, expect


class AnonymousRules(CloudRules):
    """What goes by receipts alone, and what must not have to."""

    @since(1, 1)
    def test_nodes_tell_their_owner(self, lab: Lab) -> None:
        """Only a cloud without tokens, names and tags may leave a node's owner open."""
        if lab.cloud.traits.idempotency is Idempotency.NONE:
            pytest.skip("none: machines cannot be told apart except by the receipt")
        there = ids(lab.running())
        nobodys = [node.id for node in lab.observe(None, has=there).nodes if node.owner is None]
        expect(
            not nobodys,
            did=f"the owner of {nobodys} is None, and the cloud declares {lab.cloud.traits.idempotency}",
            contract="Node.owner is None only where the provider cannot tell whose it is (Idempotency.NONE)",
            change="read the owner from the machine's tags or name, or declare NONE",
        )

    @since(1, 1)
    def test_leftovers_tell_their_owner(self, lab: Lab) -> None:
        """Nor may any other leave open whose a disk or an address is: what nobody owns is never removed."""
        if lab.cloud.traits.idempotency is Idempotency.NONE:
            pytest.skip("none: nobody can tell whose anything is")
        lab.running()
        nobodys = [rest.id for rest in lab.look(None).leftovers if rest.owner is None]
        expect(
            not nobodys,
            did=f"the owner of {nobodys} is None, and the cloud declares {lab.cloud.traits.idempotency}",
            contract="Leftover.owner is None only where the provider cannot tell whose it is (Idempotency.NONE)",
            change="name or tag it like its node, or list only what is so; what is nobody's is none of ours",
        )

    @since(1, 1)
    def test_what_is_nobodys_is_always_listed(self, lab: Lab) -> None:
        """A node without owner is listed whoever is asked for: core finds it by its receipts."""
        _needs_none(lab)
        named = set(lab.running().receipt.node_ids.values())
        strangers = {node.id for node in lab.observe(None, has=named).nodes if node.owner is None} & named
        if not strangers:
            pytest.skip("the cloud tells whose these nodes are")
        missing = sorted(strangers - ids(lab.observe({lab.owner("another-cluster")}, has=strangers)))
        expect(
            not missing,
            did=f"observe(None) lists {sorted(strangers)} with no owner, observe() of another attempt not {missing}",
            contract="machines of which the provider cannot tell whose they are are listed whoever is asked for",
            change="leave the filter by owners out for nodes that have none",
        )

    @since(1, 1)
    def test_a_receipt_is_enough_for_a_fresh_object(self, lab: Lab, fresh: Callable[[], Cloud]) -> None:
        """What a receipt names goes, asked for by an object that has never heard of it."""
        _needs_none(lab)
        launched, other = lab.running(), fresh()
        try:
            lab.wait_until_gone(replace(launched, cloud=other))
            problem = ""
        except (GaveUp, ProviderError) as error:
            problem = f" ({error})"
        left = [node.id for node in lab.nodes(launched.owner)]
        expect(
            not left,
            did=f"terminate() with the receipt, by another object, left {left}{problem}",
            contract="everything of the attempt is found by receipt; a provider never remembers",
            change="delete what receipt.node_ids names; keep no notes",
        )


def _needs_none(lab: Lab) -> None:
    if lab.cloud.traits.idempotency is not Idempotency.NONE:
        pytest.skip(f"{lab.cloud.traits.idempotency}: nodes tell whose they are")
