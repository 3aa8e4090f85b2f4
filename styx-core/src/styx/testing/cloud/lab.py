"""One test's dealings with a cloud: it asks as core would, waits as core would, and leaves nothing behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from styx.api import (
    Boot,
    Cloud,
    Idempotency,
    LaunchRequest,
    LaunchState,
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
from styx.testing.verdict import ContractBroken, GaveUp, expect

RUNNING_TEST = "test_launched_nodes_come_to_run"
CLUSTER = "conformance"
CHANGING = ("prepare", "launch", "terminate", "stop", "prepare_start", "discard")  # prepare() by mistake only


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

    def owner(self, cluster: str = CLUSTER, cloud: Cloud | None = None) -> Owner:
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

    def look(
        self, owners: Collection[Owner] | None, scope: Scope | None = None, cloud: Cloud | None = None
    ) -> Observation:
        """Observe one scope now: the offer's, unless another is named. What it does not have may be there."""
        asked, place = cloud or self.cloud, scope or self.offer.scope
        return self.driver.call(lambda: asked.observe(place, owners), what="observe()")

    def observe(
        self, owners: Collection[Owner] | None, scope: Scope | None = None, cloud: Cloud | None = None,
        has: Collection[str] = (),
    ) -> Observation:  # fmt: skip
        """Observe one scope when an absence counts; nobody has to wait for that where all nodes of ``has`` are seen."""
        if has and set(has) <= ids(seen := self.look(owners, scope, cloud)):
            return seen
        self.settle()
        return self.look(owners, scope, cloud)

    def nodes(self, owner: Owner, cloud: Cloud | None = None) -> list[Node]:
        """The nodes of one attempt that are there and not on their way out, when an absence counts."""
        return self.staying(self.observe({owner}, cloud=cloud), owner)

    def glimpse(self, owner: Owner, scope: Scope | None = None, cloud: Cloud | None = None) -> list[Node]:
        """The same right now, for whoever waits for something to appear: others may be there besides."""
        return self.staying(self.look({owner}, scope, cloud), owner)

    def staying(self, seen: Observation, owner: Owner) -> list[Node]:
        """The nodes of one attempt that an observation has and that are not on their way out."""
        nodes = self.attributed(seen).nodes
        return [node for node in nodes if node.owner == owner and node.state is not NodeState.TERMINATING]

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

    def launch_and_wait(self, request: LaunchRequest, cloud: Cloud | None = None) -> Launched:
        """Prepare, launch, and observe until every rank runs."""
        asked = cloud or self.cloud
        prepared = self.prepare(request, asked)
        receipt = self.launch(prepared, asked)
        if asked.traits.idempotency in {Idempotency.SEARCH, Idempotency.NONE}:
            receipt = self._completed(asked, request, receipt)
        nodes = self.wait_for(request.owner, len(request.ranks), asked, request.offer.scope)
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
            lambda: [node for node in self.glimpse(owner, scope, cloud) if node.state is NodeState.RUNNING],
            lambda nodes: len(nodes) >= count,
            within=self.deadline,
            what=f"{count} running node(s) of {owner.name}",
        )

    def running(self, ranks: Sequence[int] = (0,), owner: Owner | None = None, cloud: Cloud | None = None) -> Launched:
        """Running nodes as the ground of a test; without them it is skipped, or fails if no other test would."""
        asked = cloud or self.cloud
        return self.running_as(self.request(owner or self.owner(cloud=asked), ranks), asked)

    def running_as(self, request: LaunchRequest, cloud: Cloud | None = None) -> Launched:
        """The same for a request.

        The test is skipped where the provider declines, or where one machine alone, which RUNNING_TEST asks for, does
        not run either. What was accepted and does not come among others only would else be nobody's failure.
        """
        asked = cloud or self.cloud
        try:
            return self.launch_and_wait(request, asked)
        except ProviderError as error:
            problem, declined = str(error), f"{type(error).__name__}: {error}"
        except (ContractBroken, GaveUp) as error:
            problem, declined = str(error), self._declined(request, asked)
        if declined:
            pytest.skip(f"needs running nodes, and the provider declined: {declined}")
        expect(
            self._is_usual(request, asked) or not self._runs_alone(),
            did=f"one machine alone runs, but not ranks {list(request.ranks)}, of which the receipts name "
            f"{self._accepted(request.owner)}: {problem}",
            contract="what launch() accepts is observed until it runs, or launches says why it never will",
            change="read all pages of the listing; tell what was refused later by a LaunchOutcome",
        )
        pytest.skip(f"needs running nodes; {RUNNING_TEST} shows what is wrong ({problem})")

    def _accepted(self, owner: Owner) -> dict[int, str]:
        """What the receipts of the attempt name."""
        receipts = [receipt for _, _, its_owner, some in self._made if its_owner == owner for receipt in some]
        return {rank: id_ for receipt in receipts for rank, id_ in receipt.node_ids.items()}

    def _declined(self, request: LaunchRequest, cloud: Cloud) -> str:
        """Why ranks were not accepted, or refused later; empty where the provider says no such thing."""
        accepted, reasons = self._accepted(request.owner), []
        if accepted and not set(request.ranks) <= set(accepted):
            reasons.append(f"of ranks {list(request.ranks)} it accepted {sorted(accepted)}")
        with contextlib.suppress(ProviderError, ContractBroken, GaveUp):
            told = self.look({request.owner}, request.offer.scope, cloud).launches
            reasons += [str(one.error) for one in told if (one.owner, one.state) == (request.owner, LaunchState.FAILED)]
        return "; ".join(reasons)

    def _is_usual(self, request: LaunchRequest, cloud: Cloud) -> bool:
        """Whether this is what RUNNING_TEST asks for, with nothing else of the test there."""
        usual = request == self.request(request.owner) and request.owner.cluster == CLUSTER
        return usual and cloud is self.cloud and len(self._made) <= 1

    def _runs_alone(self) -> bool:
        """Whether one machine runs once everything else of the test is gone."""
        self.clean_up()
        try:
            self.launch_and_wait(self.request())
        except (ProviderError, ContractBroken, GaveUp):
            return False
        return True

    def terminate(self, launched: Launched, receipts: Sequence[Receipt] | None = None) -> None:
        """Ask for removal, once."""
        papers = [launched.receipt] if receipts is None else receipts
        self.driver.call(lambda: launched.cloud.terminate(launched.scope, launched.owner, papers), what="terminate()")

    def settle(self) -> None:
        """Wait until an absence counts: settle_after the last call that may have changed what is listed."""
        self.driver.pause_after(CHANGING, self.cloud.traits.settle_after)

    def outlast(self) -> None:
        """Let so much time go by again in which whatever lags would show."""
        self.settle()
        self.driver.pause(self.cloud.traits.settle_after + self.driver.interval)

    def wait_until_gone(
        self, launched: Launched, receipts: Sequence[Receipt] | None = None, *, settled: bool = True
    ) -> Observation:
        """Terminate, as often as it takes, until a complete observation shows neither node nor leftover."""
        papers = [launched.receipt] if receipts is None else receipts
        return self._remove(launched.cloud, launched.scope, launched.owner, papers, settled=settled)

    def gone_for_good(self, launched: Launched) -> None:
        """Removed nodes as the ground of a test; where they come back, or stay, the test is skipped."""
        try:
            self.wait_until_gone(launched)
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs terminate() to work; test_terminate_removes_every_node says more ({error})")
        self.outlast()
        if self.nodes(launched.owner, cloud=launched.cloud):
            pytest.skip("needs what is gone to stay so; test_terminate_is_final shows what is wrong")

    def _remove(
        self, cloud: Cloud, scope: Scope, owner: Owner, receipts: Sequence[Receipt], *, settled: bool = True
    ) -> Observation:
        return self.until_gone(
            lambda: self.driver.call(lambda: cloud.terminate(scope, owner, receipts), what="terminate()"),
            lambda seen: not seen.complete or bool(self.mine(seen, owner)),
            (owner, scope, cloud),
            what=f"the removal of {owner.name}",
            settled=settled,
        )

    def until_gone(
        self, remove: Callable[[], None], left: Callable[[Observation], bool], whose: tuple[Owner, Scope, Cloud],
        what: str, *, settled: bool = True,
    ) -> Observation:  # fmt: skip
        """Remove and look, as often as it takes, until nothing is left; with ``settled`` when an absence counts."""
        owner, scope, cloud = whose

        def look() -> Observation:
            remove()
            seen = self.look({owner}, scope, cloud)
            return self.observe({owner}, scope, cloud) if settled and not left(seen) else seen

        return self.driver.until(look, lambda seen: not left(seen), within=self.deadline, what=what)

    def clean_up(self) -> None:
        """Remove what the test made. Fails only when machines are left: the rest is other tests' business.

        It is asked for whatever is listed, and that is believed at once: to settle after every test takes too long.
        """
        for cloud, scope, owner, receipts in self._made:
            try:
                self._remove(cloud, scope, owner, receipts, settled=False)
            except (ProviderError, ContractBroken, GaveUp) as error:
                left = [node.id for node in self.glimpse(owner, scope, cloud)]
                if left:
                    pytest.fail(f"STILL RUNNING in {scope.name}: {', '.join(left)} of {owner.name}: {error}")


def ids(seen: Observation | Launched) -> set[str]:
    """The ids of the nodes of an observation or a launch."""
    return {node.id for node in seen.nodes}


def _attributed(node: Node, known: Mapping[str, tuple[Owner, int]]) -> Node:
    if node.owner is not None or node.id not in known:
        return node
    owner, rank = known[node.id]
    return replace(node, owner=owner, rank=rank if node.rank is None else node.rank)
