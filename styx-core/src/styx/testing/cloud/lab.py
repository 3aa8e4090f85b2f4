"""One test's dealings with a cloud: it asks as core would, waits as core would, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from styx.api import (
    Boot,
    Cloud,
    Idempotency,
    LaunchRequest,
    Leftover,
    Node,
    NodeState,
    Observation,
    Offer,
    Owner,
    Prepared,
    ProviderError,
    Receipt,
    Scope,
    new_attempt_id,
)
from styx.testing.driver import Driver
from styx.testing.verdict import ContractBroken, GaveUp

RUNNING_TEST = "test_launched_nodes_come_to_run"


@dataclass(frozen=True, slots=True)
class Launched:
    """What one launch came to: the papers, and the nodes as they were once all of them ran."""

    cloud: Cloud
    owner: Owner
    prepared: Prepared
    receipt: Receipt
    nodes: tuple[Node, ...]

    @property
    def scope(self) -> Scope:
        """Where the nodes are."""
        return self.prepared.scope

    def rank_of(self, node: Node) -> int | None:
        """The node's rank: as it says itself, else as the receipt has it."""
        if node.rank is not None:
            return node.rank
        return next((rank for rank, id_ in self.receipt.node_ids.items() if id_ == node.id), None)


class Lab:
    """A cloud under test, with the means to use it."""

    def __init__(self, cloud: Cloud, offer: Offer, boot: Boot, driver: Driver, deadline: float) -> None:
        self.cloud = cloud
        self.offer = offer
        self.driver = driver
        self.deadline = deadline
        self._boot = boot
        self._made: list[tuple[Cloud, Scope, Owner, list[Receipt]]] = []

    def owner(self, cluster: str = "conformance", cloud: Cloud | None = None) -> Owner:
        """A new attempt of the cluster, in the cloud object's installation."""
        return Owner((cloud or self.cloud).services.installation, cluster, new_attempt_id())

    def request(
        self, owner: Owner | None = None, ranks: Sequence[int] = (0,), offer: Offer | None = None
    ) -> LaunchRequest:
        """What core would ask for."""
        return LaunchRequest(owner or self.owner(), offer or self.offer, tuple(ranks), self._boot)

    def prepare(self, request: LaunchRequest, cloud: Cloud | None = None) -> Prepared:
        """Prepare, until the provider has all it needs."""
        asked = cloud or self.cloud
        return self.driver.call(lambda: asked.prepare(request), what="prepare()")

    def launch(self, prepared: Prepared, cloud: Cloud | None = None) -> Receipt:
        """Launch, and remember to clean up whatever becomes of it."""
        asked = cloud or self.cloud
        receipts = self._receipts_of(asked, prepared)
        receipt = self.driver.call(lambda: asked.launch(prepared), what="launch()")
        receipts.append(receipt)
        return receipt

    def _receipts_of(self, cloud: Cloud, prepared: Prepared) -> list[Receipt]:
        """Those of the attempt so far, to be added to."""
        for one, scope, owner, receipts in self._made:
            if one is cloud and (scope, owner) == (prepared.scope, prepared.owner):
                return receipts
        self._made.append((cloud, prepared.scope, prepared.owner, []))
        return self._made[-1][-1]

    def observe(
        self, owners: Collection[Owner] | None, scope: Scope | None = None, cloud: Cloud | None = None
    ) -> Observation:
        """Observe one scope: the offer's, unless another is named."""
        asked, place = cloud or self.cloud, scope or self.offer.scope
        return self.driver.call(lambda: asked.observe(place, owners), what="observe()")

    def nodes(self, owner: Owner, scope: Scope | None = None, cloud: Cloud | None = None) -> list[Node]:
        """The nodes of one attempt that are there and not on their way out."""
        seen = self.attributed(self.observe({owner}, scope, cloud)).nodes
        return [node for node in seen if node.owner == owner and node.state is not NodeState.TERMINATING]

    def mine(self, seen: Observation, owner: Owner) -> list[str]:
        """The ids of the nodes and leftovers of one attempt."""
        things: tuple[Node | Leftover, ...] = (*self.attributed(seen).nodes, *seen.leftovers)
        return [thing.id for thing in things if thing.owner == owner]

    def attributed(self, seen: Observation) -> Observation:
        """The observation with nodes that have no owner given to those whose receipts name them, as core does."""
        known = {
            id_: (owner, rank)
            for _, scope, owner, receipts in self._made if scope == seen.scope
            for receipt in receipts
            for rank, id_ in receipt.node_ids.items()
        }  # fmt: skip
        return replace(seen, nodes=tuple(_attributed(node, known) for node in seen.nodes))

    def launch_and_wait(self, ranks: Sequence[int], owner: Owner | None = None, cloud: Cloud | None = None) -> Launched:
        """Prepare, launch, and observe until every rank runs."""
        asked = cloud or self.cloud
        request = self.request(owner or self.owner(cloud=asked), ranks)
        prepared = self.prepare(request, asked)
        receipt = self.launch(prepared, asked)
        if asked.traits.idempotency in {Idempotency.SEARCH, Idempotency.NONE}:
            receipt = self._completed(asked, request, receipt)
        nodes = self.wait_for(request.owner, len(request.ranks), asked)
        return Launched(asked, request.owner, prepared, receipt, tuple(nodes))

    def _completed(self, cloud: Cloud, request: LaunchRequest, receipt: Receipt) -> Receipt:
        """Ask for the ranks that the receipt leaves out, as core does, for as long as each call takes some."""
        got, taken = dict(receipt.node_ids), set(receipt.node_ids)
        while taken and (rest := tuple(rank for rank in request.ranks if rank not in got)):
            more = self.launch(self.prepare(replace(request, ranks=rest), cloud), cloud).node_ids
            taken = set(more) & set(rest)  # other ranks than were asked for are a rule's business, and no way on
            got |= more
        return replace(receipt, node_ids=got)

    def wait_for(self, owner: Owner, count: int, cloud: Cloud | None = None, scope: Scope | None = None) -> list[Node]:
        """Observe until this many nodes of the attempt run."""
        return self.driver.until(
            lambda: [node for node in self.nodes(owner, scope, cloud) if node.state is NodeState.RUNNING],
            lambda nodes: len(nodes) >= count,
            within=self.deadline,
            what=f"{count} running node(s) of {owner.name}",
        )

    def running(self, ranks: Sequence[int] = (0,), owner: Owner | None = None, cloud: Cloud | None = None) -> Launched:
        """Running nodes as the ground of a test; without them the test is skipped, for another test says why."""
        try:
            return self.launch_and_wait(ranks, owner, cloud)
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs running nodes; {RUNNING_TEST} shows what is wrong ({error})")

    def terminate(self, launched: Launched, receipts: Sequence[Receipt] | None = None) -> None:
        """Ask for removal, once."""
        papers = [launched.receipt] if receipts is None else receipts
        self.driver.call(lambda: launched.cloud.terminate(launched.scope, launched.owner, papers), what="terminate()")

    def settle(self) -> None:
        """Wait until an absence counts."""
        self.driver.pause(self.cloud.traits.settle_after)

    def wait_until_gone(self, launched: Launched, receipts: Sequence[Receipt] | None = None) -> Observation:
        """Terminate, as often as it takes, until a complete observation shows neither node nor leftover."""
        papers = [launched.receipt] if receipts is None else receipts
        return self._remove(launched.cloud, launched.scope, launched.owner, papers)

    def gone_for_good(self, launched: Launched) -> None:
        """Removed nodes as the ground of a test; where they come back, or stay, the test is skipped."""
        try:
            self.wait_until_gone(launched)
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs terminate() to work; test_terminate_removes_every_node says more ({error})")
        self.settle()
        if self.nodes(launched.owner, cloud=launched.cloud):
            pytest.skip("needs what is gone to stay so; test_terminate_is_final shows what is wrong")

    def _remove(self, cloud: Cloud, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> Observation:
        def look() -> Observation:
            self.driver.call(lambda: cloud.terminate(scope, owner, receipts), what="terminate()")
            return self.observe({owner}, scope, cloud)

        return self.driver.until(
            look,
            lambda seen: seen.complete and not self.mine(seen, owner),
            within=self.deadline,
            what=f"the removal of {owner.name}",
        )

    def clean_up(self) -> None:
        """Remove what the test made. Fails only when machines are left: the rest is other tests' business."""
        for cloud, scope, owner, receipts in self._made:
            try:
                if self.nodes(owner, scope, cloud):
                    self._remove(cloud, scope, owner, receipts)
            except (ProviderError, ContractBroken, GaveUp) as error:
                left = [node.id for node in self.nodes(owner, scope, cloud)]
                if left:
                    pytest.fail(f"STILL RUNNING in {scope.name}: {', '.join(left)} of {owner.name}: {error}")


def _attributed(node: Node, known: Mapping[str, tuple[Owner, int]]) -> Node:
    if node.owner is not None or node.id not in known:
        return node
    owner, rank = known[node.id]
    return replace(node, owner=owner, rank=rank if node.rank is None else node.rank)
