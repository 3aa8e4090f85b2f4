"""What is told of machines: state, cause, cost and place; what they leave behind; and how many requests that takes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from styx.api import Billing, Cause, InsufficientCapacity, InvalidRequest, LaunchState, NodeState, Owner, QuotaExceeded
from styx_aws import reasons, tags

if TYPE_CHECKING:
    from conftest import Ec2

REGION = "us-east-1"
LOOK = ["ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSecurityGroups", "ec2:DescribePlacementGroups"]


def reason(ec2: Ec2, id_: str, code: str) -> None:
    """Let a machine be gone for this reason of AWS' own."""
    from moto.ec2.models.instances import StateReason

    with ec2.bed.bed.lock:
        instance = ec2.bed.bed.instance(id_)
        ec2.bed.bed.life.end(instance)
        instance.state_reason = StateReason(f"{code}: words", code)
        instance._reason = ""
        ec2.bed.bed.history.note(instance, ec2.bed.bed.seconds())


def test_a_running_machine_is_told_whole(ec2: Ec2) -> None:
    """How it is reached, by which key, what it costs, and what a lost record is rebuilt from."""
    owner, receipt = ec2.launched()
    node = ec2.node(owner)
    assert (node.id, node.owner, node.rank) == (receipt.node_ids[0], owner, 0)
    assert Owner.parse(node.name) == (owner, 0)
    assert (node.state, node.billing, node.hourly_cost) == (NodeState.RUNNING, Billing.FULL, Decimal("0.0104"))
    assert (node.instance_type, node.region, node.zone) == ("t3.micro", REGION, f"{REGION}a")
    assert node.created_at == ec2.clock.now()
    assert node.endpoint is not None
    options = dict(node.endpoint.options)
    assert options.pop("boot_key").startswith("ecdsa-sha2-nistp256 ")
    assert options == {"host": node.public_ip, "port": "22", "user": "ubuntu"}


def test_a_machine_that_boots_is_pending(ec2: Ec2) -> None:
    """Until it runs and has an address."""
    ec2.bed.habits.boot = 20
    owner, _ = ec2.launched()
    assert (ec2.node(owner).state, ec2.node(owner).endpoint) == (NodeState.PENDING, None)
    ec2.clock.advance(21)
    assert ec2.node(owner).state is NodeState.RUNNING


def test_another_client_sees_the_same(ec2: Ec2) -> None:
    """Also on a machine that has never launched anything: all is on the machines themselves."""
    owner, _ = ec2.launched(nodes=2)
    assert ec2.client("elsewhere").observe(ec2.seen().scope, [owner]).nodes == ec2.seen(owner).nodes


def test_only_what_is_asked_for_is_told(ec2: Ec2) -> None:
    """Of these owners, or of this installation; never of another."""
    first, second = ec2.launched()[0], ec2.launched()[0]
    other = ec2.client(installation="zzz999")
    theirs = ec2.request(ec2.owner(installation="zzz999"))
    other.launch(other.prepare(theirs))
    assert [node.owner for node in ec2.seen(first).nodes] == [first]
    assert {node.owner for node in ec2.seen().nodes} == {first, second}
    assert ec2.cloud.observe(ec2.seen().scope, ()).nodes == ()


def test_many_owners_are_told_apart(ec2: Ec2) -> None:
    """More than one filter may name."""
    mine, _ = ec2.launched()
    many = [Owner("abc123", "dev", f"a{number:03}") for number in range(201)]
    assert ec2.cloud.observe(ec2.seen().scope, many).nodes == ()
    assert [node.owner for node in ec2.cloud.observe(ec2.seen().scope, [*many, mine]).nodes] == [mine]


def test_a_look_at_everything_takes_four_requests(ec2: Ec2) -> None:
    """And one more for each further page, whatever the number of clusters."""
    for _ in range(3):
        ec2.launched()
    ec2.calls()
    ec2.seen()
    assert ec2.calls() == LOOK
    ec2.bed.habits.page, more = 1, 2
    assert len(ec2.seen().nodes) == 3
    assert ec2.calls().count("ec2:DescribeInstances") == 1 + more


def test_waiting_for_machines_that_live_takes_one_request(ec2: Ec2) -> None:
    """Nothing has outlived them."""
    owner, _ = ec2.launched(nodes=2)
    ec2.calls()
    ec2.seen(owner)
    assert ec2.calls() == LOOK[:1]


def test_a_machine_that_was_taken_back_is_told_until_it_is_given_up(ec2: Ec2) -> None:
    """By AWS' own word; it costs nothing any more."""
    owner, receipt = ec2.launched(spot=True)
    ec2.bed.interrupt(receipt.node_ids[0], 0)
    for _ in range(2):
        node = ec2.node(owner)
        assert (node.state, node.cause) == (NodeState.TERMINATING, Cause.PREEMPTED)
        assert (node.billing, node.hourly_cost) == (Billing.NONE, 0)
        assert "Server.SpotInstanceTermination" in node.evidence
    ec2.cloud.terminate(ec2.seen().scope, owner, [receipt])
    assert ec2.seen(owner).nodes == ()


def test_evidence_says_nothing_twice() -> None:
    """AWS has the code in its message, too, and in the words for the change of state."""
    code = "Server.SpotInstanceTermination"
    message, change = f"{code}: Spot instance termination", f"{code} (2026-11-30 13:39:33 UTC)"
    told = {"StateReason": {"Code": code, "Message": message}, "StateTransitionReason": change}
    assert reasons.evidence(told) == f"{message} (2026-11-30 13:39:33 UTC)"
    assert reasons.evidence({"StateReason": {"Code": code}}) == code
    assert reasons.evidence({"StateTransitionReason": ""}) == ""


def test_a_machine_that_was_removed_is_not_told_of(ec2: Ec2) -> None:
    """AWS lists it for another hour."""
    owner, receipt = ec2.launched()
    ec2.bed.habits.go = 10
    ec2.cloud.terminate(ec2.seen().scope, owner, [receipt])
    assert ec2.node(owner).state is NodeState.TERMINATING
    ec2.clock.advance(11)
    assert ec2.seen(owner).nodes == ()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("Server.InsufficientInstanceCapacity", InsufficientCapacity),
        ("Server.InternalError", InsufficientCapacity),
        ("Client.VolumeLimitExceeded", QuotaExceeded),
        ("Client.InvalidSnapshot.NotFound", InvalidRequest),
        ("Client.InternalError", InvalidRequest),
    ],
)
def test_a_launch_that_fails_later_is_told_by_its_token(ec2: Ec2, code: str, error: type[Exception]) -> None:
    """EC2 had accepted it; the error is what it would have been at once."""
    owner, receipt = ec2.launched(nodes=2)
    reason(ec2, receipt.node_ids[1], code)
    (outcome,) = ec2.seen(owner).launches
    assert (outcome.token, outcome.owner, outcome.state) == (receipt.token, owner, LaunchState.FAILED)
    assert type(outcome.error) is error
    assert receipt.node_ids[1] in str(outcome.error)


@pytest.mark.parametrize("code", ["Client.UserInitiatedShutdown", "Client.InstanceInitiatedShutdown"])
def test_a_machine_that_was_meant_to_go_is_no_failed_launch(ec2: Ec2, code: str) -> None:
    """Whoever has ended it."""
    owner, receipt = ec2.launched()
    reason(ec2, receipt.node_ids[0], code)
    assert (ec2.seen(owner).nodes, ec2.seen(owner).launches) == ((), ())


def test_disks_that_outlive_their_machine_are_told(ec2: Ec2) -> None:
    """They bill; what they cost is in no catalog."""
    owner, receipt = ec2.launched()
    with ec2.bed.bed.lock:
        (backend,) = ec2.bed.bed.backends("111111111111", REGION)
        disk = backend.create_volume(size=5, zone_name=f"{REGION}a")
        disk.add_tags(owner.tags())
    ec2.cloud.terminate(ec2.seen().scope, owner, [receipt])
    (left,) = ec2.seen(owner).leftovers
    assert (left.id, left.kind, left.owner, left.hourly_cost) == (disk.id, "disk", owner, None)
    assert ec2.seen().leftovers == (left,)
    ec2.cloud.terminate(ec2.seen().scope, owner, [receipt])
    assert ec2.seen(owner).leftovers == ()


def test_groups_of_an_attempt_are_leftovers_once_its_machines_are_gone(ec2: Ec2) -> None:
    """Not while they are used, and they cost nothing."""
    owner, receipt = ec2.launched(ports=(8080,))
    assert ec2.seen().leftovers == ()
    ec2.cloud.terminate(ec2.seen().scope, owner, [receipt])
    (left,) = ec2.seen(owner).leftovers
    assert (left.kind, left.owner, left.hourly_cost) == ("security group", owner, 0)


def test_lists_that_are_behind_are_no_proof(ec2: Ec2) -> None:
    """Within the time that core waits before it believes them."""
    ec2.bed.habits.lag = ec2.cloud.traits.settle_after - 1
    owner, _ = ec2.launched()
    assert ec2.seen(owner).nodes == ()
    ec2.clock.advance(ec2.cloud.traits.settle_after)
    assert len(ec2.seen(owner).nodes) == 1


@pytest.mark.parametrize("ranks", [(0,), (0, 1, 2, 3), (2, 5, 6, 9), tuple(range(1000))])
def test_ranks_survive_a_tag(ranks: tuple[int, ...]) -> None:
    """Which has 256 characters."""
    assert tags.ranks_from_text(tags.ranks_as_text(ranks)) == list(ranks)
    assert len(tags.ranks_as_text(ranks)) < 256


@pytest.mark.parametrize("text", ["", "x", "1-", "-1", "0 1-x"])
def test_a_tag_that_somebody_has_changed_tells_no_rank(text: str) -> None:
    """Then core gives it one."""
    assert tags.ranks_from_text(text) == [] or text == "1-"


def test_other_ranks_than_the_first_are_told(ec2: Ec2) -> None:
    """An attempt may ask for some of its machines alone."""
    request: Any = replace(ec2.request(), ranks=(3, 7))
    receipt = ec2.cloud.launch(ec2.cloud.prepare(request))
    assert {node.rank: node.id for node in ec2.seen(request.owner).nodes} == receipt.node_ids
