"""What the bazaar shows: late, not everything, and under addresses of its own making."""

from __future__ import annotations

import pytest

from styx.api import (
    Billing,
    Cause,
    Idempotency,
    NodeState,
    NotYet,
    RateLimited,
    SelfStop,
    SupportsSelfStop,
    SupportsStop,
    Transient,
)
from styx.testing.bazaar import Blindness, Interruption
from support.stalls import NewStall

LATER = 100.0


def test_new_machines_are_listed_late(stall: NewStall) -> None:
    """What was made is missing at first; by its id, though not by its name, it can be removed already."""
    one = stall(late_births=8.0)
    prepared, receipt = one.launch()
    one.wait(7)
    assert one.ids() == []
    one.remove(prepared)
    assert len(one.market.machines()) == 1
    one.wait(1)
    assert one.ids() == list(receipt.node_ids.values())
    early, its = one.launch()
    one.remove(early, its)
    assert len(one.market.machines()) == 1


def test_removed_machines_are_listed_as_if_they_ran(stall: NewStall) -> None:
    """What was removed is gone at once, and shown for a while longer."""
    one = stall(late_deaths=8.0)
    prepared, _ = one.launch()
    one.wait(LATER)
    one.remove(prepared)
    assert one.market.machines() == []
    assert [node.state for node in one.look().nodes] == [NodeState.RUNNING]
    one.wait(8)
    assert one.ids() == []


def test_replicas_disagree_while_they_lag(stall: NewStall) -> None:
    """A machine is in one listing and not in the next, until all have it."""
    one = stall(late_births=8.0, flickers=True)
    one.launch()
    assert [len(one.ids()) for _ in range(4)] == [0, 1, 0, 1]
    one.wait(8)
    assert [len(one.ids()) for _ in range(4)] == [1, 1, 1, 1]


def test_settle_after_is_longer_than_any_lag(stall: NewStall) -> None:
    """What the traits promise is kept: past settle_after every listing has the machine."""
    one = stall(late_births=8.0, late_deaths=3.0, flickers=True)
    one.launch()
    one.wait(one.cloud.traits.settle_after)
    assert all(one.ids() for _ in range(4))


def test_half_of_a_listing_is_out_of_reach(stall: NewStall) -> None:
    """In the first quarter of a minute odd machines are hidden, and that is said."""
    one = stall(blindness=Blindness.HALF)
    prepared, _ = one.launch((0, 1))
    seen = one.look()
    assert ([node.id for node in seen.nodes], seen.complete) == (["m-000002"], False)
    one.remove(prepared)  # as far as it can be reached
    assert [machine.id for machine in one.market.machines()] == ["m-000001"]
    one.wait(15)
    assert (one.ids(), one.look().complete) == (["m-000001"], True)


def test_what_concerns_all_machines_waits_until_all_are_in_reach(stall: NewStall) -> None:
    """Stopping half of a gang would be worse than not being able to stop it just now."""
    one = stall(blindness=Blindness.HALF)
    prepared, receipt = one.launch((0, 1))
    assert isinstance(one.cloud, SupportsStop)
    with pytest.raises(Transient):
        one.cloud.stop(one.scope, prepared.owner, [receipt])
    one.wait(15)
    one.cloud.stop(one.scope, prepared.owner, [receipt])
    assert [node.state for node in one.look().nodes] == [NodeState.STOPPED] * 2


def test_a_listing_fails(stall: NewStall) -> None:
    """In the first quarter of a minute nothing can be looked at."""
    one = stall(blindness=Blindness.WHOLE)
    with pytest.raises(Transient):
        one.look()
    one.wait(15)
    assert one.ids() == []


def test_machines_take_their_time_to_go(stall: NewStall) -> None:
    """What is being removed is shown so; with `not_yet` the call says what it waits for."""
    one = stall(slow_removal=20.0, not_yet=True)
    prepared, _ = one.launch()
    with pytest.raises(NotYet, match="m-000001"):
        one.remove(prepared)
    assert [(n.state, n.cause) for n in one.look().nodes] == [(NodeState.TERMINATING, Cause.USER)]
    one.wait(20)
    one.remove(prepared)
    assert one.ids() == []


def test_leftovers_go_after_their_machine(stall: NewStall) -> None:
    """Disk and NIC are in use at first, then left over and billed, then removed by the same call once more."""
    one = stall(leftovers=True)
    prepared, _ = one.launch()
    one.wait(LATER)
    assert one.look().leftovers == ()
    one.remove(prepared)
    one.wait(1)
    one.remove(prepared)  # the disk is attached to what is gone already, as far as the provider knows
    assert [leftover.owner for leftover in one.look().leftovers] == [prepared.owner] * 2
    assert [bill.kind for bill in one.market.billing()] == ["disk"]
    one.wait(3)
    one.remove(prepared)
    assert one.look().leftovers == ()
    assert one.market.billing() == []


def test_leftovers_without_names_are_nobodys(stall: NewStall) -> None:
    """Without names a disk is listed with no owner; it goes by the receipt of its machine, asked for once more."""
    one = stall(leftovers=True, idempotency=Idempotency.NONE)
    prepared, receipt = one.launch()
    one.remove(prepared, receipt)
    one.wait(1)
    assert one.ids() == []
    assert [(leftover.kind, leftover.owner) for leftover in one.look().leftovers] == [("disk", None), ("nic", None)]
    one.wait(3)
    one.remove(prepared, receipt)
    assert one.look().leftovers == ()
    assert one.market.billing() == []


def test_ports_are_mapped(stall: NewStall) -> None:
    """SSH and everything else is behind one gateway, each machine under ports of its own."""
    one = stall(mapped_ports=True)
    one.launch((0, 1))
    one.wait(LATER)
    first, second = one.look().nodes
    assert first.endpoint is not None
    assert second.endpoint is not None
    assert first.endpoint.options["host"] == second.endpoint.options["host"] == first.public_ip
    addresses = [one.cloud.port_address(node, 8080) for node in (first, second)]  # type: ignore[attr-defined]
    assert len({*addresses, *(n.endpoint.options["port"] for n in (first, second) if n.endpoint)}) == 4


def test_a_host_fails_with_a_trace_or_without(stall: NewStall) -> None:
    """A failed host is shown with the provider as the cause, or its machine is just not there any more."""
    for vanishing in (False, True):
        one = stall(vanishing=vanishing)
        one.market.doom(1)
        one.launch()
        one.wait(5)
        shown = [(node.state, node.cause, node.evidence) for node in one.look().nodes]
        assert shown == ([] if vanishing else [(NodeState.TERMINATING, Cause.PROVIDER, "host-failure")])


def test_an_interruption_with_a_notice_and_without(stall: NewStall) -> None:
    """A machine is taken back after a notice, with evidence for a while; or it is just gone."""
    for how in Interruption:
        one = stall(interruption=how)
        one.launch()
        one.wait(LATER)
        one.market.interrupt("m-000001")
        shown = [node.state for node in one.look().nodes]
        assert shown == ([NodeState.RUNNING] if how is Interruption.NOTICE else [])
        one.wait(31)
        causes = [node.cause for node in one.look().nodes]
        assert causes == ([Cause.PREEMPTED] if how is Interruption.NOTICE else [])
        one.wait(LATER)
        assert one.market.machines() == []


def test_a_guest_that_shuts_down(stall: NewStall) -> None:
    """It costs a disk, or goes on costing everything; then it has no way to stop itself for good."""
    for billed in (False, True):
        one = stall(billed_when_off=billed)
        one.launch()
        one.wait(LATER)
        one.market.shut_down("m-000001")
        (node,) = one.look().nodes
        assert (node.state, node.cause) == (NodeState.STOPPED, Cause.SELF)
        assert node.billing is (Billing.FULL if billed else Billing.DISK_ONLY)
        assert node.hourly_cost == one.market.billing()[0].hourly_cost
        assert isinstance(one.cloud, SupportsSelfStop) is not billed
        assert one.cloud.traits.self_stop == (frozenset() if billed else frozenset(SelfStop))


def test_not_every_provider_can_stop(stall: NewStall) -> None:
    """The capability is the habit's to give."""
    assert isinstance(stall().cloud, SupportsStop)
    assert not isinstance(stall(no_stop=True).cloud, SupportsStop)


def test_calls_that_come_too_soon_are_refused(stall: NewStall) -> None:
    """The second call within a second is refused, says how long to wait, and is right about that."""
    one = stall(pace=1.0, says_pace=True)
    one.wait(0.25)
    with pytest.raises(RateLimited) as caught:
        one.look()
    assert caught.value.retry_after == pytest.approx(0.75)
    one.wait(caught.value.retry_after)
    one.look()
    assert one.cloud.traits.pace == {"": 1.0}
    assert one.market.calls("observe")["observe"] == 2
