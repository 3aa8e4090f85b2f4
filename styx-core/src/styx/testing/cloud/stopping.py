"""Rules for clouds whose machines can be stopped and started again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from styx.api import (
    Billing,
    Boot,
    Cloud,
    Idempotency,
    Node,
    NodeState,
    Prepared,
    ProviderError,
    StartRequest,
    SupportsStop,
)
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab, Launched
from styx.testing.verdict import ContractBroken, GaveUp, expect, succeeds


class StopRules(CloudRules):
    """What a cloud with SupportsStop must and must not do; skipped for others."""

    @pytest.fixture
    def stoppable(self, cloud: Cloud) -> SupportsStop:
        """The cloud, seen as one that can stop."""
        return cloud if isinstance(cloud, SupportsStop) else pytest.skip("the cloud does not implement SupportsStop")

    def test_stop_stops_every_node(self, stoppable: SupportsStop, lab: Lab, gang_size: int) -> None:
        """After stop(), all nodes of the gang are seen stopped."""
        launched = lab.running(range(gang_size))
        problem = ""
        try:
            _stop(stoppable, lab, launched)
        except (GaveUp, ProviderError) as error:
            problem = str(error)
        expect(
            not problem,
            did=problem,
            contract="stop() stops all nodes of the attempt; they are observed STOPPED, not gone",
            change="stop every rank, and report the provider's stopped state as STOPPED",
        )

    def test_stopped_nodes_do_not_bill_in_full(self, stoppable: SupportsStop, lab: Lab) -> None:
        """Stopping is for saving money: a stopped node is not billed as a running one."""
        node = _stopped(stoppable, lab)[1][0]
        expect(
            node.billing is not Billing.FULL,
            did=f"the stopped node {node.id} is billed in full",
            contract="a stopped node bills DISK_ONLY or NONE (UNKNOWN if it cannot be told)",
            change="release the machine when stopping (deallocate), or do not implement SupportsStop",
        )

    def test_stop_again_succeeds(self, stoppable: SupportsStop, lab: Lab) -> None:
        """stop() is idempotent."""
        launched = _stopped(stoppable, lab)[0]
        with succeeds(
            "stopping what is stopped",
            contract="stop() is idempotent",
            change="swallow the provider's complaint that it is stopped already",
        ):
            _ask(stoppable, lab, launched)

    def test_stop_leaves_others_running(self, stoppable: SupportsStop, lab: Lab) -> None:
        """stop() concerns one attempt."""
        other = lab.running()
        _stopped(stoppable, lab)
        states = [node.state.value for node in lab.nodes(other.owner)]
        expect(
            states == ["running"],
            did=f"stopping one attempt left the other's node {states}",
            contract="stop() stops the nodes of this attempt and no others",
            change="filter by the whole owner, attempt included",
        )

    def test_other_installations_are_not_stopped(self, stoppable: SupportsStop, lab: Lab, neighbour: Cloud) -> None:
        """Asked by mistake to stop what another installation owns, it does not."""
        theirs = lab.running(cloud=neighbour)
        with contextlib.suppress(ProviderError):  # refusing loudly is fine
            lab.driver.call(lambda: stoppable.stop(theirs.scope, theirs.owner, ()), what="stop()")
        lab.driver.pause(lab.driver.interval)
        states = [node.state.value for node in lab.nodes(theirs.owner, cloud=neighbour)]
        expect(
            states == ["running"],
            did=f"stop() of another installation's attempt left its node {states}",
            contract="the installation id is part of every name and tag; what is another's is never touched",
            change="raise Conflict unless owner.installation == services.installation",
        )

    def test_a_stop_is_no_preemption(self, stoppable: SupportsStop, lab: Lab) -> None:
        """Nodes that were stopped because we asked were not taken back by the provider."""
        node = _stopped(stoppable, lab)[1][0]
        expect(
            str(getattr(node.cause, "value", node.cause)) not in {"preempted", "provider"},
            did=f"the node {node.id}, stopped by stop(), tells the cause {node.cause!r}",
            contract="cause is who brought the node into its state, by evidence: USER here, or UNKNOWN",
            change="read the provider's reason for the stop; where there is none report UNKNOWN",
        )

    def test_what_is_gone_is_not_started(self, stoppable: SupportsStop, lab: Lab, boot: Boot) -> None:
        """Starting nodes that were removed meanwhile is an error, and makes no new ones."""
        launched, _ = _stopped(stoppable, lab)
        lab.gone_for_good(launched)
        try:
            lab.launch(_prepare_start(stoppable, lab, launched, boot))
            said = "succeeded"
        except ProviderError:
            said = ""
        made = [node.id for node in lab.nodes(launched.owner)]
        expect(
            not said and not made,
            did=f"a start of nodes that are gone {said or 'failed'} and made {made}",
            contract="a start brings stopped nodes back; a disk that is gone cannot come back (NotFound)",
            change="look the machines up in prepare_start() or launch(), and raise NotFound",
        )

    def test_a_start_can_be_repeated(self, stoppable: SupportsStop, lab: Lab, boot: Boot) -> None:
        """A start whose answer was lost is launched again, within the lifetime of its token, and succeeds."""
        if lab.cloud.traits.idempotency not in {Idempotency.TOKEN, Idempotency.NAME}:
            pytest.skip(f"{lab.cloud.traits.idempotency}: core never replays a launch here")
        launched, _ = _stopped(stoppable, lab)
        start = _prepare_start(stoppable, lab, launched, boot)
        with contextlib.suppress(ProviderError):  # test_start_brings_the_same_ranks_back says what is wrong
            lab.launch(start)
        with succeeds(
            "launching the same start again",
            contract="the result of prepare_start() goes to launch() under the same rules as any other",
            change="take machines that run, or are starting, for started",
        ):
            lab.launch(start)

    def test_start_brings_the_same_ranks_back(
        self, stoppable: SupportsStop, lab: Lab, boot: Boot, gang_size: int
    ) -> None:
        """prepare_start() and launch() bring every stopped rank back, each once."""
        launched, _ = _stopped(stoppable, lab, range(gang_size))
        problem = ""
        try:
            lab.launch(_prepare_start(stoppable, lab, launched, boot))
            lab.wait_for(launched.owner, gang_size)
        except (GaveUp, ProviderError) as error:
            problem = f" ({error})"
        nodes = lab.nodes(launched.owner)
        seen = sorted((launched.rank_of(node), node.state.value) for node in nodes)
        expect(
            seen == [(rank, "running") for rank in range(gang_size)],
            did=f"after the start the ranks are {seen}{problem}",
            contract="a start brings stopped nodes back: the same ranks, running, and no twins",
            change="start the machines that are there instead of creating others",
        )

    def test_start_is_byte_stable(self, stoppable: SupportsStop, lab: Lab, boot: Boot) -> None:
        """prepare_start() of the same request gives the same Prepared."""
        launched, _ = _stopped(stoppable, lab)
        first, second = (_prepare_start(stoppable, lab, launched, boot) for _ in range(2))
        expect(
            first == second,
            did=f"the same start was prepared as {first.payload!r} and {second.payload!r}",
            contract="prepare_start() is like prepare(): byte-stable",
            change="derive everything from the request; json.dumps(..., sort_keys=True)",
        )

    def test_start_has_a_token_of_its_own(self, stoppable: SupportsStop, lab: Lab, boot: Boot) -> None:
        """A start is another intent than the launch that made the nodes."""
        launched, _ = _stopped(stoppable, lab)
        start = _prepare_start(stoppable, lab, launched, boot)
        expect(
            start.token != launched.prepared.token,
            did=f"launch and start share the token {start.token!r}",
            contract="a token is the same for the same intent, different for any other",
            change="leave Prepared.token out: core derives it from the payload",
        )

    def test_disks_survive_a_stop(self, stoppable: SupportsStop, lab: Lab, boot: Boot) -> None:
        """What a node wrote before the stop is there after the start. Seen on process endpoints only."""
        launched = lab.running()
        run_on(launched.nodes[0], "printf kept > kept.txt")
        _stop_or_skip(stoppable, lab, launched)
        try:
            lab.launch(_prepare_start(stoppable, lab, launched, boot))
            node = lab.wait_for(launched.owner, 1)[0]
        except (GaveUp, ProviderError) as error:
            pytest.skip(f"needs a start; test_start_brings_the_same_ranks_back shows what is wrong ({error})")
        kept = run_on(node, "cat kept.txt 2>/dev/null || echo gone")
        expect(
            kept == "kept",
            did="a file written before the stop was gone after the start",
            contract="machines can be stopped, keep their disks, and be started again",
            change="keep the boot disk, or do not implement SupportsStop",
        )

    def test_stopped_nodes_can_be_terminated(self, stoppable: SupportsStop, lab: Lab) -> None:
        """terminate() removes stopped nodes too."""
        launched, _ = _stopped(stoppable, lab)
        with contextlib.suppress(GaveUp, ProviderError):
            lab.wait_until_gone(launched)
        left = [node.id for node in lab.nodes(launched.owner)]
        expect(
            not left,
            did=f"the stopped nodes {left} are still there after terminate()",
            contract="terminate() removes everything of this attempt",
            change="list machines in every state, not only running ones",
        )


def run_on(node: Node, command: str) -> str:
    """Run a command on a node whose endpoint is a process, and return what it wrote; other nodes skip the test."""
    if node.endpoint is None or node.endpoint.kind != "process":
        pytest.skip("the kit can run commands on nodes with a process endpoint only")
    from styx.transports.process import ProcessTransport

    return asyncio.run(ProcessTransport(node.endpoint).run(command)).text


def _ask(cloud: SupportsStop, lab: Lab, launched: Launched) -> None:
    lab.driver.call(lambda: cloud.stop(launched.scope, launched.owner, [launched.receipt]), what="stop()")


def _stop(cloud: SupportsStop, lab: Lab, launched: Launched) -> list[Node]:
    _ask(cloud, lab, launched)
    return lab.driver.until(
        lambda: [node for node in lab.glimpse(launched.owner) if node.state is NodeState.STOPPED],
        lambda nodes: len(nodes) == len(launched.nodes),
        within=lab.deadline,
        what=f"{len(launched.nodes)} stopped node(s)",
    )


def _stop_or_skip(cloud: SupportsStop, lab: Lab, launched: Launched) -> list[Node]:
    try:
        return _stop(cloud, lab, launched)
    except (ProviderError, ContractBroken, GaveUp) as error:
        pytest.skip(f"needs stopped nodes; test_stop_stops_every_node shows what is wrong ({error})")


def _stopped(cloud: SupportsStop, lab: Lab, ranks: Sequence[int] = (0,)) -> tuple[Launched, list[Node]]:
    launched = lab.running(ranks)
    return launched, _stop_or_skip(cloud, lab, launched)


def _prepare_start(cloud: SupportsStop, lab: Lab, launched: Launched, boot: Boot) -> Prepared:
    request = StartRequest(launched.owner, launched.scope, launched.prepared.ranks, (launched.receipt,), boot)
    return lab.driver.call(lambda: cloud.prepare_start(request), what="prepare_start()")
