"""Removing what an attempt has made, in the order that EC2 allows, and nothing of anybody else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from styx.api import Accelerator, Conflict, NotYet, PermissionDenied, Receipt, Scope

if TYPE_CHECKING:
    from conftest import Ec2

HERE = Scope("us-east-1")


def test_machines_disks_and_groups_go(ec2: Ec2) -> None:
    """By and by, as core asks again; then nothing is left that bills."""
    offer = replace(
        ec2.request().offer, instance_type="g5.xlarge", accelerators=(Accelerator("A10G", 1, 22),),
        capabilities=frozenset(),
    )  # fmt: skip
    owner, receipt = ec2.launched(nodes=2, offer=offer, ports=(8080,))
    for _ in range(2):
        ec2.cloud.terminate(HERE, owner, [receipt])
    assert (ec2.seen(owner).nodes, ec2.seen(owner).leftovers) == ((), ())
    assert ec2.bed.left() == []
    assert ec2.session.call("ec2:DescribePlacementGroups", HERE.name)["PlacementGroups"] == []


def test_nothing_is_removed_under_machines_on_their_way_out(ec2: Ec2) -> None:
    """A group can go when the last of them has gone."""
    owner, receipt = ec2.launched(ports=(8080,))
    ec2.bed.habits.go = 30
    for _ in range(2):
        ec2.cloud.terminate(HERE, owner, [receipt])
        assert "ec2:DeleteSecurityGroup" not in ec2.calls()
    ec2.clock.advance(31)
    ec2.cloud.terminate(HERE, owner, [receipt])
    assert ec2.seen(owner).leftovers == ()


def test_what_still_holds_something_is_waited_for(ec2: Ec2) -> None:
    """EC2 frees a group some time after its last machine."""
    owner, receipt = ec2.launched(ports=(8080,))
    ec2.cloud.terminate(HERE, owner, [receipt])
    ec2.bed.habits.refuse("ec2:DeleteSecurityGroup", "DependencyViolation", "resource sg-1 has a dependent object")
    with pytest.raises(NotYet, match=r"waiting for the security group sg-.* to be free"):
        ec2.cloud.terminate(HERE, owner, [receipt])
    ec2.cloud.terminate(HERE, owner, [receipt])
    assert ec2.seen(owner).leftovers == ()


def test_no_receipt_is_needed(ec2: Ec2) -> None:
    """It may never have come: the machines' tags tell."""
    owner, _ = ec2.launched(nodes=2)
    ec2.cloud.terminate(HERE, owner, ())
    assert ec2.bed.left() == []


def test_a_machine_that_no_list_shows_yet_is_not_forgotten(ec2: Ec2) -> None:
    """The removal that finds nothing succeeds, and the one that core makes when it shows removes it."""
    ec2.bed.habits.lag = 20
    owner, receipt = ec2.launched()
    ec2.cloud.terminate(HERE, owner, [receipt])
    assert ec2.bed.left() != []
    ec2.clock.advance(21)
    ec2.cloud.terminate(HERE, owner, [receipt])
    assert ec2.bed.left() == []


def test_a_removal_can_be_repeated(ec2: Ec2) -> None:
    """Nothing being there is success, and so is nothing ever having been."""
    owner, receipt = ec2.launched()
    for _ in range(3):
        ec2.cloud.terminate(HERE, owner, [receipt])
    ec2.cloud.terminate(HERE, ec2.owner(), [Receipt("t", {0: "i-0123456789abcdef0"})])


def test_a_machine_that_goes_by_itself_meanwhile_is_no_error(ec2: Ec2) -> None:
    """The next call looks again."""
    owner, receipt = ec2.launched()
    ec2.bed.habits.refuse("ec2:TerminateInstances", "InvalidInstanceID.NotFound")
    ec2.cloud.terminate(HERE, owner, [receipt])
    ec2.cloud.terminate(HERE, owner, [receipt])
    assert ec2.bed.left() == []


def test_other_attempts_and_installations_stay(ec2: Ec2) -> None:
    """Also where a receipt names their machines."""
    owner, receipt = ec2.launched()
    other, others = ec2.launched()
    neighbour = ec2.client(installation="zzz999")
    theirs = neighbour.launch(neighbour.prepare(ec2.request(ec2.owner(installation="zzz999"))))
    ec2.cloud.terminate(HERE, owner, [receipt, others, theirs])
    assert len(neighbour.observe(HERE, None).nodes) == 1
    assert [node.owner for node in ec2.seen().nodes] == [other]
    with pytest.raises(Conflict, match="another installation"):
        ec2.cloud.terminate(HERE, ec2.owner(installation="zzz999"), [theirs])


def test_a_machine_that_has_lost_its_tags_is_removed_all_the_same(ec2: Ec2) -> None:
    """By the token that it was made with, where the receipt names both; other machines that it names stay."""
    owner, receipt = ec2.launched()
    _, others = ec2.launched()
    lost = [receipt.node_ids[0], others.node_ids[0]]
    ec2.session.client("ec2", HERE.name).delete_tags(Resources=lost)
    ec2.bed.bed.calls.clear()
    ec2.cloud.terminate(HERE, owner, [receipt, Receipt("forged", others.node_ids)])
    assert [ec2.instance(id_)["State"]["Name"] for id_ in lost] == ["terminated", "running"]


def test_a_machine_that_is_protected_says_so(ec2: Ec2) -> None:
    """Somebody has switched on that it cannot be removed."""
    owner, receipt = ec2.launched()
    said = "The instance 'i-1' may not be terminated. Modify its 'disableApiTermination' instance attribute"
    ec2.bed.habits.refuse("ec2:TerminateInstances", "OperationNotPermitted", said)
    with pytest.raises(PermissionDenied, match="may not be terminated") as caught:
        ec2.cloud.terminate(HERE, owner, [receipt])
    assert "protected" in str(caught.value.hint)


def test_a_shutdown_from_inside_removes_a_machine(ec2: Ec2) -> None:
    """So autostop, and the watchdog, need no credentials there."""
    owner, receipt = ec2.launched()
    assert "shutdown -h now" in ec2.cloud.self_stop_command(ec2.node(owner), next(iter(ec2.cloud.traits.self_stop)))
    with ec2.bed.bed.lock:
        ec2.bed.bed.life.shut_down(ec2.bed.bed.instance(receipt.node_ids[0]))
    assert ec2.seen(owner).nodes == ()
    assert ec2.bed.left() == []
