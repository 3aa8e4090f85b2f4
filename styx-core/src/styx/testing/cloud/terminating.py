"""Rules about removing: everything of one attempt, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from styx.api import Cloud, Idempotency, ProviderError, Receipt
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab, Launched
from styx.testing.verdict import ContractBroken, GaveUp, expect, succeeds


class TerminateRules(CloudRules):
    """What terminate() must and must not do."""

    def test_terminate_removes_every_node(self, lab: Lab, gang_size: int) -> None:
        """After terminate(), repeated as core does, none of the gang is left."""
        launched = lab.running(range(gang_size))
        with contextlib.suppress(GaveUp):  # the next lines say what is left
            lab.wait_until_gone(launched)
        left = [node.id for node in lab.nodes(launched.owner)]
        expect(
            not left,
            did=f"of {[node.id for node in launched.nodes]}, {left} are still there",
            contract="terminate() removes everything of this attempt, called again until observe() shows nothing",
            change="remove all ranks, in whatever state they are",
        )

    def test_terminate_leaves_no_leftover(self, lab: Lab) -> None:
        """Disks, addresses and the like go with the nodes."""
        launched = lab.running()
        with contextlib.suppress(GaveUp):
            lab.wait_until_gone(launched)
        left = [f"{x.kind} {x.id}" for x in lab.observe({launched.owner}).leftovers if x.owner == launched.owner]
        expect(
            not left,
            did=f"after terminate() these are left and may bill: {left}",
            contract="terminate() removes nodes and leftovers",
            change="delete them in the same call, or in the next one once the node is gone (raise NotYet)",
        )

    def test_terminate_is_final(self, lab: Lab) -> None:
        """What was gone stays gone past settle_after."""
        launched = lab.running()
        self._gone(lab, launched)
        lab.outlast()
        back = lab.mine(lab.observe({launched.owner}), launched.owner)
        expect(
            not back,
            did=f"gone after terminate(), {back} were there again {lab.cloud.traits.settle_after:g} s later",
            contract="an absence counts settle_after seconds after the last call",
            change="raise settle_after to how long the provider's listings lag",
        )

    def test_terminate_again_succeeds(self, lab: Lab) -> None:
        """Terminating what is gone already is success."""
        launched = lab.running()
        self._gone(lab, launched)
        self._succeeds(lambda: lab.terminate(launched), "terminating the same attempt again")

    def test_terminate_of_nothing_succeeds(self, lab: Lab) -> None:
        """Terminating an attempt that never was is success."""
        owner, scope = lab.owner(), lab.offer.scope
        self._succeeds(
            lambda: lab.driver.call(lambda: lab.cloud.terminate(scope, owner, ()), what="terminate()"),
            "terminating an attempt of which nothing exists",
        )

    def test_terminate_needs_no_receipt(self, lab: Lab) -> None:
        """Names and tags are enough to find everything: the receipt may never have been stored."""
        if lab.cloud.traits.idempotency is Idempotency.NONE:
            pytest.skip("none: machines cannot be told apart except by the receipt")
        launched = lab.running()
        try:
            lab.wait_until_gone(launched, receipts=())
        except (GaveUp, ProviderError) as error:
            problem = str(error)
        else:
            problem = ""
        left = [node.id for node in lab.nodes(launched.owner)]
        expect(
            not left,
            did=f"without a receipt {left} stayed ({problem})",
            contract="everything of the attempt is found by receipt, name and tag",
            change="list by owner.name or owner.tags() in terminate(), and add what the receipts name",
        )

    def test_second_attempt_stays(self, lab: Lab) -> None:
        """Two attempts of one cluster are two owners: removing one leaves the other."""
        first, second = lab.running(), lab.running()
        self._gone(lab, first)
        self._stayed(
            lab, second, "another attempt of the same cluster", "compare the attempt too, not only the cluster"
        )

    def test_a_cluster_named_like_an_attempt_stays(self, lab: Lab) -> None:
        """An owner whose name begins with another's whole name is somebody else."""
        first = lab.running()
        second = lab.running(owner=lab.owner(f"{first.owner.cluster}-{first.owner.attempt}"))
        self._gone(lab, first)
        self._stayed(
            lab, second, f"another cluster, whose name begins with {first.owner.name}",
            "compare Owner.parse(name) with the owner, not the beginnings of names",
        )  # fmt: skip

    def test_other_installations_namesake_stays(self, lab: Lab, neighbour: Cloud) -> None:
        """Another installation's cluster of the same name and attempt is not touched."""
        ours = lab.running()
        theirs = lab.running(owner=replace(ours.owner, installation=neighbour.services.installation), cloud=neighbour)
        self._gone(lab, ours)
        self._stayed(lab, theirs, "another installation's namesake", "compare the installation too")

    def test_other_installations_are_not_terminated(self, lab: Lab, neighbour: Cloud) -> None:
        """Asked by mistake to terminate what another installation owns, it does not."""
        theirs = lab.running(cloud=neighbour)
        with contextlib.suppress(ProviderError):  # refusing loudly is fine
            lab.driver.call(lambda: lab.cloud.terminate(theirs.scope, theirs.owner, ()), what="terminate()")
        self._stayed(
            lab, theirs, "another installation", "raise Conflict unless owner.installation == services.installation"
        )

    def test_a_receipt_is_no_licence(self, lab: Lab, neighbour: Cloud) -> None:
        """A receipt that names another installation's machine does not get it removed."""
        if lab.cloud.traits.idempotency is Idempotency.NONE:
            pytest.skip("none: the receipt is all there is")
        theirs = lab.running(cloud=neighbour)
        forged = Receipt("forged", {0: theirs.nodes[0].id})
        owner = lab.owner()
        with contextlib.suppress(ProviderError):
            lab.driver.call(lambda: lab.cloud.terminate(theirs.scope, owner, [forged]), what="terminate()")
        self._stayed(
            lab, theirs, "another installation, named in a receipt", "check name or tags of what a receipt names"
        )

    @staticmethod
    def _gone(lab: Lab, launched: Launched) -> None:
        try:
            lab.wait_until_gone(launched)
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs terminate() to work; test_terminate_removes_every_node and its like say more ({error})")

    @staticmethod
    def _succeeds(action: Callable[[], None], what: str) -> None:
        __tracebackhide__ = True
        with succeeds(
            what,
            contract="terminate() is idempotent; nothing being there is success",
            change="swallow the provider's not-found",
        ):
            action()

    @staticmethod
    def _stayed(lab: Lab, launched: Launched, whose: str, change: str) -> None:
        __tracebackhide__ = True
        lab.driver.pause(lab.driver.interval)
        left = {node.id for node in lab.nodes(launched.owner, cloud=launched.cloud)}
        lost = [node.id for node in launched.nodes if node.id not in left]
        expect(
            not lost,
            did=f"terminate() removed {lost}, which belong to {whose}",
            contract="terminate() removes everything of this attempt and never touches what somebody else owns",
            change=change,
        )
