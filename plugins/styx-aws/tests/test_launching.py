"""Asking EC2 for machines: what is asked for, and that it is asked for once."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from styx.api import (
    Accelerator,
    Conflict,
    InsufficientCapacity,
    InvalidRequest,
    NotFound,
    OfferQuery,
    OutcomeUnknown,
    Prepared,
    Transient,
    Unsupported,
)

if TYPE_CHECKING:
    from conftest import Ec2

MOST_CALLS = 8  # of a launch in a region that is prepared, polls aside


def asked(prepared: Prepared) -> dict[str, Any]:
    """The request in an intent."""
    request: dict[str, Any] = json.loads(prepared.payload)["request"]
    return request


def tagged(prepared: Prepared, kind: str) -> dict[str, str]:
    """What it writes onto things of this kind."""
    (said,) = (each for each in asked(prepared)["TagSpecifications"] if each["ResourceType"] == kind)
    return {tag["Key"]: tag["Value"] for tag in said["Tags"]}


def fast(ec2: Ec2, **more: Any) -> Any:
    """An offer of machines with GPUs."""
    gpus = (Accelerator("A10G", 1, 22),)
    return replace(ec2.request().offer, instance_type="g5.xlarge", accelerators=gpus, capabilities=frozenset(), **more)


def test_a_launch_is_one_request_for_all_machines(ec2: Ec2) -> None:
    """Two nodes are asked for at once, and each has a rank, an address and the launch's token."""
    owner, receipt = ec2.launched(nodes=2)
    assert ec2.calls().count("ec2:RunInstances") == 1
    nodes = ec2.seen(owner).nodes
    assert {node.rank: node.id for node in nodes} == receipt.node_ids
    assert {node.token for node in nodes} == {receipt.token}
    assert len({node.private_ip for node in nodes}) == 2
    assert receipt.hourly_cost == Decimal("0.0208")


def test_a_launch_in_a_prepared_region_takes_few_calls(ec2: Ec2) -> None:
    """Of a new client: who it is, image, network, keys and the launch itself. Where there are regions is known."""
    list(ec2.cloud.scopes())
    ec2.launched()
    ec2.calls()
    other = ec2.client()
    other.check()
    assert list(other.offers(OfferQuery()))
    other.launch(other.prepare(ec2.request()))
    calls = ec2.calls()
    assert len(calls) <= MOST_CALLS, calls


def test_what_was_launched_is_launched_once(ec2: Ec2) -> None:
    """The same intent again is answered with the same machines, also for a new client on this machine."""
    prepared = ec2.cloud.prepare(ec2.request(nodes=2))
    first = ec2.cloud.launch(prepared)
    assert ec2.client().launch(prepared) == first
    assert len(ec2.seen(prepared.owner).nodes) == 2


def test_a_client_elsewhere_does_not_launch_what_another_has_prepared(ec2: Ec2) -> None:
    """It has not the secret that the machine's first host key is made of; whether there are machines it can see."""
    prepared = ec2.cloud.prepare(ec2.request())
    with pytest.raises(OutcomeUnknown, match="prepared by a client on another machine"):
        ec2.client("elsewhere").launch(prepared)
    assert "ec2:RunInstances" not in ec2.calls()


def test_a_token_is_for_one_request(ec2: Ec2) -> None:
    """With other parameters it is refused: somebody else's launch, or one of an older version."""
    prepared = ec2.cloud.prepare(ec2.request())
    ec2.cloud.launch(prepared)
    payload = json.loads(prepared.payload)
    payload["request"]["InstanceType"] = "t3.small"
    with pytest.raises(Conflict, match="IdempotentParameterMismatch"):
        ec2.cloud.launch(replace(prepared, payload=json.dumps(payload)))


def test_a_spent_token_buys_nothing(ec2: Ec2) -> None:
    """Machines that were removed do not come back by their launch being repeated."""
    prepared = ec2.cloud.prepare(ec2.request())
    ec2.cloud.terminate(prepared.scope, prepared.owner, [ec2.cloud.launch(prepared)])
    with pytest.raises(NotFound, match="IdempotentInstanceTerminated"):
        ec2.cloud.launch(prepared)
    assert ec2.seen(prepared.owner).nodes == ()


def test_labels_become_tags(ec2: Ec2) -> None:
    """Of machines, disks and spot requests, beside those that say whose they are."""
    request = ec2.request(spot=True, labels={"team": "Vision & Co", "cost:center": "4711"})
    prepared = ec2.cloud.prepare(request)
    for kind in ("instance", "volume", "spot-instances-request"):
        said = tagged(prepared, kind)
        assert said["team"] == "Vision & Co"
        assert said["cost:center"] == "4711"
        assert said["Name"] == request.owner.name
        assert request.owner.tags().items() <= said.items()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"aws:team": "x"}, "reserved"),
        ({"styx-attempt": "x"}, "reserved"),
        ({"Name": "x"}, "reserved"),
        ({"k" * 129: "x"}, "more than 128 characters"),
        ({"key": "v" * 257}, "more than 256"),
        ({f"key{number}": "x" for number in range(42)}, "only 41"),
    ],
)
def test_labels_that_aws_refuses_are_refused_before(ec2: Ec2, labels: dict[str, str], said: str) -> None:
    """With the field of the task, and nothing was asked for."""
    with pytest.raises(InvalidRequest, match=said) as caught:
        ec2.cloud.prepare(ec2.request(labels=labels))
    assert caught.value.field == "labels"


def test_spot_is_bought_by_one_time_requests(ec2: Ec2) -> None:
    """At the spot price, and gone for good when it is taken back."""
    request = ec2.request(spot=True)
    prepared = ec2.cloud.prepare(request)
    options = asked(prepared)["InstanceMarketOptions"]
    assert options["MarketType"] == "spot"
    assert options["SpotOptions"] == {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
    assert ec2.cloud.launch(prepared).hourly_cost == Decimal("0.0040")
    assert ec2.node(request.owner).hourly_cost == Decimal("0.0040")


def test_what_is_not_sold_as_spot_is_unsupported(ec2: Ec2) -> None:
    """Nothing is bought at another price than the one that was shown."""
    offer = replace(ec2.request().offer, spot_hourly_price=None)
    with pytest.raises(Unsupported, match="not sold as spot"):
        ec2.cloud.prepare(ec2.request(offer=offer, spot=True))


def test_only_a_task_that_asks_for_an_identity_gets_one(ec2: Ec2) -> None:
    """By the name of an instance profile or its ARN."""
    arn = "arn:aws:iam::111111111111:instance-profile/trainer"
    assert "IamInstanceProfile" not in asked(ec2.cloud.prepare(ec2.request()))
    assert asked(ec2.cloud.prepare(ec2.request(identity="trainer")))["IamInstanceProfile"] == {"Name": "trainer"}
    assert asked(ec2.cloud.prepare(ec2.request(identity=arn)))["IamInstanceProfile"] == {"Arn": arn}


@pytest.mark.parametrize(
    ("size", "tier", "disk"),
    [
        (None, None, {"VolumeType": "gp3", "VolumeSize": 64}),
        (100, "low", {"VolumeType": "standard", "VolumeSize": 100}),
        (100, "high", {"VolumeType": "gp3", "VolumeSize": 100, "Iops": 7000, "Throughput": 437}),
        (100, "ultra", {"VolumeType": "io2", "VolumeSize": 100, "Iops": 20000}),
        (20, "best", {"VolumeType": "io2", "VolumeSize": 20, "Iops": 10000}),
    ],
)
def test_a_tier_is_a_kind_of_disk(ec2: Ec2, size: int | None, tier: str | None, disk: dict[str, Any]) -> None:
    """With the operations and the rate that the table in the package promises, as far as its size allows."""
    (mapping,) = asked(ec2.cloud.prepare(ec2.request(disk_gib=size, disk_tier=tier)))["BlockDeviceMappings"]
    assert mapping["DeviceName"] == "/dev/sda1"
    assert mapping["Ebs"] == {**disk, "DeleteOnTermination": True}


def test_a_disk_that_the_image_does_not_fit_on_is_refused(ec2: Ec2) -> None:
    """Before AWS is asked, with what it takes."""
    with pytest.raises(InvalidRequest, match=r"a disk of 1 GiB was asked for, and the image ami-.* needs") as caught:
        ec2.cloud.prepare(ec2.request(disk_gib=1))
    assert caught.value.field == "disk_size"


def test_machines_remove_themselves_by_a_shutdown_and_ask_for_tokens(ec2: Ec2) -> None:
    """What the watchdog counts on; and metadata are not told to whoever gets a program there to fetch an address."""
    request = asked(ec2.cloud.prepare(ec2.request()))
    assert request["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert request["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}


def test_several_fast_machines_are_put_close_together(ec2: Ec2) -> None:
    """In a group of the attempt's, which goes with it; one machine alone, or slow ones, need none."""
    owner, receipt = ec2.launched(nodes=2, offer=fast(ec2))
    assert ec2.instance(receipt.node_ids[0])["Placement"]["GroupName"] == owner.name
    assert "Placement" not in asked(ec2.cloud.prepare(ec2.request(offer=fast(ec2))))
    assert "Placement" not in asked(ec2.cloud.prepare(ec2.request(nodes=2)))


def test_a_placement_group_that_is_there_is_used(ec2: Ec2) -> None:
    """A launch that was cut off after making it goes on."""
    prepared = ec2.cloud.prepare(ec2.request(nodes=2, offer=fast(ec2)))
    ec2.session.call("ec2:CreatePlacementGroup", "us-east-1", GroupName=prepared.owner.name, Strategy="cluster")
    assert len(ec2.cloud.launch(prepared).node_ids) == 2


def test_ports_are_open_on_the_machines_of_the_attempt(ec2: Ec2) -> None:
    """By a group of its own, made when it is launched, and only where ports are asked for."""
    owner, receipt = ec2.launched(ports=(8080, 443))
    ids = [each["GroupId"] for each in ec2.instance(receipt.node_ids[0])["SecurityGroups"]]
    groups = ec2.session.call("ec2:DescribeSecurityGroups", "us-east-1", GroupIds=ids)["SecurityGroups"]
    (mine,) = (group for group in groups if group["GroupName"] == owner.name)
    assert sorted(rule["FromPort"] for rule in mine["IpPermissions"]) == [443, 8080]
    assert {"styx-abc123", owner.name} <= {group["GroupName"] for group in groups}
    node = ec2.node(owner)
    assert ec2.cloud.port_address(node, 8080) == f"{node.public_ip}:8080"


def test_what_was_just_made_and_is_not_known_yet_is_asked_for_again(ec2: Ec2) -> None:
    """EC2 may have said that there is a group before all of it knows."""
    prepared = ec2.cloud.prepare(ec2.request())
    ec2.bed.habits.refuse("ec2:RunInstances", "InvalidGroup.NotFound", "The security group 'sg-1' does not exist")
    with pytest.raises(Transient, match="not known everywhere"):
        ec2.cloud.launch(prepared)
    assert len(ec2.cloud.launch(prepared).node_ids) == 1


def test_the_intent_can_be_kept_by_anybody(ec2: Ec2) -> None:
    """It has no secret in it, and is the same whenever it is made."""
    request = ec2.request(nodes=2, ports=(80,), labels={"b": "1", "a": "2"})
    prepared = ec2.cloud.prepare(request)
    assert prepared == ec2.client().prepare(request)
    assert "PRIVATE KEY" not in prepared.payload


def test_another_installations_attempt_is_not_launched(ec2: Ec2) -> None:
    """Its name would be on machines that it does not know of."""
    with pytest.raises(Conflict, match="another installation"):
        ec2.cloud.prepare(ec2.request(ec2.owner(installation="zzz999")))


def test_what_was_made_for_a_launch_that_is_refused_goes_with_it(ec2: Ec2) -> None:
    """It costs nothing, and is found by its owner."""
    ec2.bed.habits.capacity["g5.xlarge"] = 1
    request = ec2.request(nodes=2, offer=fast(ec2), ports=(80,))
    with pytest.raises(InsufficientCapacity):
        ec2.cloud.launch(ec2.cloud.prepare(request))
    assert {each.kind for each in ec2.seen(request.owner).leftovers} == {"placement group", "security group"}
    ec2.cloud.terminate(request.offer.scope, request.owner, ())
    assert ec2.seen(request.owner).leftovers == ()
