"""Stopping machines, bringing them back, and what a shutdown from inside means to them meanwhile."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from styx.api import (
    Billing,
    Cause,
    Conflict,
    InsufficientCapacity,
    NodeState,
    NotFound,
    NotYet,
    Owner,
    Prepared,
    Receipt,
    Scope,
    SelfStop,
    StartRequest,
    Unsupported,
)

if TYPE_CHECKING:
    from conftest import Ec2

HERE = Scope("us-east-1")


def stopped(ec2: Ec2, nodes: int = 1) -> tuple[Owner, Receipt]:
    """Machines that are."""
    owner, receipt = ec2.launched(nodes=nodes)
    ec2.cloud.stop(HERE, owner, [receipt])
    return owner, receipt


def start(ec2: Ec2, owner: Owner, receipt: Receipt) -> Prepared:
    """The intent of bringing them back."""
    request = StartRequest(owner, HERE, tuple(receipt.node_ids), (receipt,), ec2.request().boot)
    return ec2.cloud.prepare_start(request)


def behaviour(ec2: Ec2, id_: str) -> str:
    """What a shutdown from inside does to it."""
    return str(ec2.bed.bed.instance(id_).instance_initiated_shutdown_behavior)


def test_stopped_machines_keep_their_disks_alone(ec2: Ec2) -> None:
    """All of the attempt, because a user wanted it; what the disks cost is in no catalog."""
    owner, _ = stopped(ec2, nodes=2)
    for node in ec2.seen(owner).nodes:
        assert (node.state, node.cause) == (NodeState.STOPPED, Cause.USER)
        assert (node.billing, node.hourly_cost) == (Billing.DISK_ONLY, None)
    ec2.cloud.stop(HERE, owner, ())


def test_what_is_still_starting_is_waited_for(ec2: Ec2) -> None:
    """EC2 stops no machine that is pending."""
    ec2.bed.habits.boot = 20
    owner, receipt = ec2.launched()
    with pytest.raises(NotYet, match="machines to have started"):
        ec2.cloud.stop(HERE, owner, [receipt])
    ec2.clock.advance(21)
    ec2.cloud.stop(HERE, owner, [receipt])
    assert ec2.node(owner).state is NodeState.STOPPED


def test_spot_machines_cannot_be_stopped(ec2: Ec2) -> None:
    """They were bought by one-time requests; it says what can be done instead."""
    owner, receipt = ec2.launched(spot=True)
    with pytest.raises(Unsupported, match="is a spot machine, which cannot be stopped") as caught:
        ec2.cloud.stop(HERE, owner, [receipt])
    assert "styx down" in str(caught.value.hint)
    with pytest.raises(Unsupported):
        ec2.cloud.set_shutdown(HERE, owner, SelfStop.STOP)
    ec2.calls()
    ec2.cloud.set_shutdown(HERE, owner, SelfStop.TERMINATE)
    assert ec2.calls() == ["ec2:DescribeInstances"]
    assert ec2.node(owner).state is NodeState.RUNNING


def test_other_installations_and_attempts_run_on(ec2: Ec2) -> None:
    """Only what is its own is stopped."""
    other, _ = ec2.launched()
    stopped(ec2)
    assert ec2.node(other).state is NodeState.RUNNING
    with pytest.raises(Conflict):
        ec2.cloud.stop(HERE, ec2.owner(installation="zzz999"), ())


def test_a_start_brings_the_same_machines_back(ec2: Ec2) -> None:
    """With other addresses, the same key for the first contact, and the same price."""
    owner, receipt = stopped(ec2, nodes=2)
    before = {node.rank: node for node in ec2.seen(owner).nodes}
    again = ec2.cloud.launch(start(ec2, owner, receipt))
    assert again.node_ids == receipt.node_ids
    assert again.hourly_cost == Decimal("0.0208")
    after = {node.rank: node for node in ec2.seen(owner).nodes}
    assert {node.state for node in after.values()} == {NodeState.RUNNING}
    assert {rank: node.id for rank, node in after.items()} == {rank: node.id for rank, node in before.items()}


def test_a_start_can_be_repeated_and_is_its_own(ec2: Ec2) -> None:
    """Its answer may be lost; and the next one is another."""
    owner, receipt = stopped(ec2)
    first = start(ec2, owner, receipt)
    assert first == start(ec2, owner, receipt)
    assert ec2.cloud.launch(first) == ec2.cloud.launch(first)
    ec2.clock.advance(60)
    ec2.cloud.stop(HERE, owner, [receipt])
    assert start(ec2, owner, receipt).token not in {first.token, receipt.token}


def test_what_is_still_stopping_is_waited_for(ec2: Ec2) -> None:
    """EC2 starts no machine on its way down."""
    ec2.bed.habits.stop = 20
    owner, receipt = stopped(ec2)
    assert ec2.node(owner).state is NodeState.STOPPING
    intent = start(ec2, owner, receipt)
    with pytest.raises(NotYet, match="machines to have stopped"):
        ec2.cloud.launch(intent)
    ec2.clock.advance(21)
    ec2.cloud.launch(intent)
    assert ec2.node(owner).state is NodeState.RUNNING


def test_a_start_where_there_is_no_room_says_so(ec2: Ec2) -> None:
    """The machines stay stopped."""
    owner, receipt = stopped(ec2)
    ec2.bed.habits.capacity["t3.micro"] = 0
    with pytest.raises(InsufficientCapacity):
        ec2.cloud.launch(start(ec2, owner, receipt))
    assert ec2.node(owner).state is NodeState.STOPPED


def test_machines_that_are_gone_do_not_start(ec2: Ec2) -> None:
    """Before and after the start was prepared."""
    owner, receipt = stopped(ec2)
    intent = start(ec2, owner, receipt)
    ec2.cloud.terminate(HERE, owner, [receipt])
    with pytest.raises(NotFound, match="is no longer there"):
        ec2.cloud.launch(intent)
    with pytest.raises(NotFound, match="is no longer there"):
        start(ec2, owner, receipt)


def test_a_shutdown_means_what_was_said_last(ec2: Ec2) -> None:
    """Of a launch it removes, of a start it stops, and else it does as the policy wants it."""
    owner, receipt = ec2.launched(nodes=2)
    ids = list(receipt.node_ids.values())
    assert {behaviour(ec2, id_) for id_ in ids} == {"terminate"}
    ec2.cloud.set_shutdown(HERE, owner, SelfStop.STOP)
    assert {behaviour(ec2, id_) for id_ in ids} == {"stop"}
    ec2.cloud.set_shutdown(HERE, owner, SelfStop.TERMINATE)
    assert {behaviour(ec2, id_) for id_ in ids} == {"terminate"}
    ec2.cloud.stop(HERE, owner, [receipt])
    ec2.cloud.launch(start(ec2, owner, receipt))
    assert {behaviour(ec2, id_) for id_ in ids} == {"stop"}


def test_a_machine_that_stops_itself_is_told_so(ec2: Ec2) -> None:
    """By AWS' own word, for autostop."""
    owner, receipt = ec2.launched()
    ec2.cloud.set_shutdown(HERE, owner, SelfStop.STOP)
    with ec2.bed.bed.lock:
        ec2.bed.bed.life.shut_down(ec2.bed.bed.instance(receipt.node_ids[0]))
    node = ec2.node(owner)
    assert (node.state, node.cause) == (NodeState.STOPPED, Cause.SELF)
    assert "Instance initiated shutdown" in node.evidence


def test_stopped_machines_can_be_removed(ec2: Ec2) -> None:
    """With their disks."""
    owner, receipt = stopped(ec2)
    ec2.cloud.terminate(HERE, owner, [receipt])
    assert ec2.bed.left() == []
