"""Rules about asking for machines, and about asking twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from styx.api import Cloud, Idempotency, ProviderError, Receipt
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab
from styx.testing.verdict import expect


class LaunchRules(CloudRules):
    """What launch() must and must not do."""

    def test_launched_nodes_come_to_run(self, lab: Lab) -> None:
        """What was launched is observed running within the deadline. Most other tests stand on this one."""
        lab.launch_and_wait(lab.request())

    def test_receipt_is_for_this_launch(self, lab: Lab) -> None:
        """The receipt carries the token of what was launched."""
        launched = lab.running()
        token = getattr(launched.receipt, "token", None)
        expect(
            isinstance(launched.receipt, Receipt) and token == launched.prepared.token,
            did=f"the launch with token {launched.prepared.token!r} was answered with {launched.receipt!r}",
            contract="launch() returns a Receipt with the token of its Prepared",
            change="return Receipt(prepared.token, {rank: id, ...})",
        )

    def test_receipt_maps_accepted_ranks_to_ids(self, lab: Lab) -> None:
        """node_ids maps each accepted rank, and no other, to the provider's id."""
        launched = lab.running()
        ids = dict(launched.receipt.node_ids)
        good = ids and all(type(rank) is int and rank in launched.prepared.ranks for rank in ids)
        expect(
            good and all(isinstance(id_, str) and id_ for id_ in ids.values()),
            did=f"a launch of ranks {launched.prepared.ranks} was answered with node_ids {ids!r}",
            contract="node_ids maps each accepted rank (int, one of those asked for) to the provider's id (str)",
            change="number the ids by prepared.ranks, not from 1 and not by text",
        )

    def test_receipt_ids_are_node_ids(self, lab: Lab) -> None:
        """The ids in the receipt are those under which the nodes are observed."""
        launched = lab.running()
        promised, seen = set(launched.receipt.node_ids.values()), {node.id for node in launched.nodes}
        expect(
            promised <= seen,
            did=f"the receipt names {sorted(promised)}, observe() shows {sorted(seen)}",
            contract="node_ids are the provider's ids of the machines: by them they are found again",
            change="put the machines' ids there, not the request's or the operation's",
        )

    def test_gang_has_one_node_per_rank(self, lab: Lab, gang_size: int) -> None:
        """A gang of n is n nodes with ranks 0 to n-1, each once."""
        launched = lab.running(range(gang_size))
        ranks = sorted(-1 if (rank := launched.rank_of(node)) is None else rank for node in launched.nodes)
        expect(
            ranks == list(range(gang_size)),
            did=f"a gang of {gang_size} came up with ranks {ranks} (-1: cannot be told)",
            contract="each rank asked for is one node; a node tells its rank, or the receipt tells it",
            change="write the rank into each machine's name or tag (Owner.node_name, Owner.tags)",
        )

    def test_gang_nodes_have_ids_of_their_own(self, lab: Lab, gang_size: int) -> None:
        """Ids are unique within a scope."""
        ids = [node.id for node in lab.running(range(gang_size)).nodes]
        expect(
            len(set(ids)) == len(ids),
            did=f"a gang of {gang_size} has the ids {ids}",
            contract="Node.id is the provider's, unique within its scope and never used again",
            change="report the machine's id, not the launch's",
        )

    def test_replay_makes_no_second_machine(self, lab: Lab, fresh: Callable[[], Cloud]) -> None:
        """Launching the stored Prepared again, as after a crash, buys nothing more."""
        self._needs_replay(lab)
        launched = lab.running()
        with contextlib.suppress(ProviderError):  # refusing is another rule's business
            lab.driver.call(lambda: fresh().launch(launched.prepared), what="launch() again")
        lab.wait_for(launched.owner, 1)
        lab.driver.pause(lab.driver.interval)
        ids = [node.id for node in lab.nodes(launched.owner)]
        expect(
            len(ids) == 1,
            did=f"the same Prepared, launched twice, made {ids}",
            contract=f"{lab.cloud.traits.idempotency}: a replay within token_lifetime finds the first call's machines",
            change="pass prepared.token to the provider's create call, or look the name up first; else declare SEARCH",
        )

    def test_replay_is_answered_with_a_receipt(self, lab: Lab) -> None:
        """A replay succeeds and names the same ranks: this is how core learns what a lost answer said."""
        self._needs_replay(lab)
        launched = lab.running()
        try:
            again = lab.driver.call(lambda: lab.cloud.launch(launched.prepared), what="launch() again")
            answer = f"a receipt for ranks {sorted(again.node_ids)}"
            good = set(again.node_ids) == set(launched.receipt.node_ids)
        except ProviderError as error:
            good, answer = False, f"{type(error).__name__}: {error}"
        expect(
            good,
            did=f"the launch was answered for ranks {sorted(launched.receipt.node_ids)}, its replay with {answer}",
            contract="a replay returns the machines of the first call",
            change="when the provider says the name or token is taken by us, look the machines up and return them",
        )

    def test_an_offer_nobody_sells_is_refused(self, lab: Lab) -> None:
        """A machine type that does not exist is refused, never replaced by another."""
        unsold = replace(lab.offer, instance_type="no-such-machine-type")
        request = lab.request(offer=unsold)
        try:
            lab.launch(lab.prepare(request))
        except ProviderError:
            return
        expect(
            False,
            did="it launched something for the instance type 'no-such-machine-type'",
            contract="what is not sold is OfferGone (or InvalidRequest); nothing is created",
            change="look the instance type up in prepare() and raise OfferGone",
        )

    @staticmethod
    def _needs_replay(lab: Lab) -> None:
        if lab.cloud.traits.idempotency not in {Idempotency.TOKEN, Idempotency.NAME}:
            pytest.skip(f"{lab.cloud.traits.idempotency}: core never replays a launch here")
