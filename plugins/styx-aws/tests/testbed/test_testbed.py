"""The testbed by itself, asked with boto3 and nothing of the plugin: what moto does not do and EC2 does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .conftest import Client, refused


def test_a_token_buys_once(client: Client) -> None:
    """The same request again has the same reservation; in other words it is refused, and so it is ever after."""
    first = client.run("a", 2)
    assert client.run("a", 2)["ReservationId"] == first["ReservationId"]
    assert len(client.states()) == len(first["Instances"]) == 2
    for other in ({"InstanceType": "t3.small"}, {"count": 1}):
        with refused("IdempotentParameterMismatch"):
            client.run("a", **{"count": 2, **other})
    client.ec2.terminate_instances(InstanceIds=[first["Instances"][0]["InstanceId"]])
    with refused("IdempotentInstanceTerminated"):
        client.run("a", 2)


def test_a_token_is_known_in_its_zone(client: Client) -> None:
    """In another zone it is another one, and a refused request does not spend it."""
    other = next(
        each for each in client.ec2.describe_subnets()["Subnets"]
        if each["AvailabilityZone"] != client.subnet["AvailabilityZone"]
    )  # fmt: skip
    here = client.run("z")
    assert client.run("z", SubnetId=other["SubnetId"])["ReservationId"] != here["ReservationId"]
    client.habits.refuse("ec2:RunInstances", "InsufficientInstanceCapacity", status=500)
    with refused("InsufficientInstanceCapacity"):
        client.run("y")
    assert client.run("y", InstanceType="t3.small")["Instances"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InvalidAMIID.NotFound", {"ImageId": "ami-01234567890abcdef"}),
        ("InvalidParameterValue", {"InstanceType": "t99.micro"}),
        ("InvalidParameterValue", {"InstanceType": "t4g.micro"}),
        ("InvalidKeyPair.NotFound", {"KeyName": "nobody"}),
        ("InvalidGroup.NotFound", {"SecurityGroupIds": ["sg-01234567890abcdef"]}),
        ("InvalidSubnetID.NotFound", {"SubnetId": "subnet-01234567890abcdef"}),
        ("InvalidPlacementGroup.Unknown", {"Placement": {"GroupName": "nobody"}}),
    ],
)
def test_what_there_is_not_is_not_sold(client: Client, code: str, words: dict[str, Any]) -> None:
    """Unknown images, types, keys, groups and networks, and an image for other processors, are refused."""
    with refused(code):
        client.run(code, **words)
    assert client.states() == {}


def test_a_type_is_sold_where_it_is_offered(client: Client) -> None:
    """Another zone of the region says that it has none."""
    sold = {each["Location"] for each in client.ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["p4de.24xlarge"]}],
    )["InstanceTypeOfferings"]}  # fmt: skip
    subnets = client.ec2.describe_subnets()["Subnets"]
    elsewhere = next(each for each in subnets if each["AvailabilityZone"] not in sold)
    with refused("Unsupported"):
        client.run("p", InstanceType="p4de.24xlarge", SubnetId=elsewhere["SubnetId"])


def test_capacity_and_quota_are_what_they_are_set_to(client: Client) -> None:
    """All of a request or nothing; what is stopped takes no room, and has to find some to start."""
    zone = client.subnet["AvailabilityZone"]
    client.habits.capacity[f"t3.micro@{zone}"] = 2
    with refused("InsufficientInstanceCapacity") as caught:
        client.run("c", 3)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    (one, _) = [each["InstanceId"] for each in client.run("d", 2)["Instances"]]
    client.ec2.stop_instances(InstanceIds=[one])
    client.run("e")
    with refused("InsufficientInstanceCapacity"):
        client.ec2.start_instances(InstanceIds=[one])
    client.habits.capacity.clear()
    client.habits.vcpus = 5
    with refused("VcpuLimitExceeded"):
        client.run("f")
    client.habits.spot_vcpus = 0
    with refused("MaxSpotInstanceCountExceeded"):
        client.run("g", InstanceMarketOptions={"MarketType": "spot"})


def test_lists_are_behind_both_ways(client: Client) -> None:
    """New instances are not listed yet, not even by id, and those that are gone still run."""
    client.habits.lag = 5.0
    instance_id = client.run("lag")["Instances"][0]["InstanceId"]
    assert client.states() == {}
    with refused("InvalidInstanceID.NotFound"):
        client.about(instance_id)
    client.clock.advance(5)
    assert client.states() == {instance_id: "running"}
    client.ec2.terminate_instances(InstanceIds=[instance_id])
    assert client.states() == {instance_id: "running"}
    client.clock.advance(5)
    assert client.states() == {instance_id: "terminated"}
    client.clock.advance(3700)
    assert client.states() == {}


def test_states_take_the_time_they_are_told(client: Client) -> None:
    """Pending, running, stopping, stopped and again, each at its time; what does not fit the state is refused."""
    client.habits.boot, client.habits.stop, client.habits.go = 10.0, 4.0, 3.0
    instance_id = client.run("slow")["Instances"][0]["InstanceId"]
    with refused("IncorrectInstanceState"):
        client.ec2.stop_instances(InstanceIds=[instance_id])
    seen = [client.states()[instance_id]]
    client.clock.advance(10)
    seen.append(client.states()[instance_id])
    client.ec2.stop_instances(InstanceIds=[instance_id])
    seen.append(client.states()[instance_id])
    with refused("IncorrectInstanceState"):
        client.ec2.start_instances(InstanceIds=[instance_id])
    client.clock.advance(4)
    seen.append(client.states()[instance_id])
    client.ec2.start_instances(InstanceIds=[instance_id])
    seen.append(client.states()[instance_id])
    client.ec2.terminate_instances(InstanceIds=[instance_id])
    seen.append(client.states()[instance_id])
    client.clock.advance(30)
    seen.append(client.states()[instance_id])
    assert seen == ["pending", "running", "stopping", "stopped", "pending", "shutting-down", "terminated"]


def test_what_happens_while_nobody_asks_happens_at_its_time(client: Client) -> None:
    """A list that is behind is so by its seconds, not by how long it was not asked for."""
    client.habits.boot, client.habits.lag = 10.0, 5.0
    instance_id = client.run("alone")["Instances"][0]["InstanceId"]
    client.clock.advance(16)
    assert client.states() == {instance_id: "running"}


def test_a_spot_instance_is_taken_back(client: Client) -> None:
    """It cannot be stopped, its request is listed, and it goes for a reason that says so."""
    tags = [{"ResourceType": "spot-instances-request", "Tags": [{"Key": "a", "Value": "b"}]}]
    bought = client.run("spot", InstanceMarketOptions={"MarketType": "spot"}, TagSpecifications=tags)
    instance_id = bought["Instances"][0]["InstanceId"]
    with refused("UnsupportedOperation"):
        client.ec2.stop_instances(InstanceIds=[instance_id])
    asked = {"Filters": [{"Name": "tag:a", "Values": ["b"]}]}
    (request,) = client.ec2.describe_spot_instance_requests(**asked)["SpotInstanceRequests"]
    assert (request["InstanceId"], request["State"]) == (instance_id, "active")
    assert client.about(instance_id)["InstanceLifecycle"] == "spot"
    client.told("interrupt", instance_id=instance_id, seconds=120)
    client.clock.advance(119)
    assert client.states() == {instance_id: "running"}
    client.clock.advance(1)
    about = client.about(instance_id)
    assert (about["State"]["Name"], about["StateReason"]["Code"]) == ("terminated", "Server.SpotInstanceTermination")
    assert "Server.SpotInstanceTermination" in about["StateTransitionReason"]
    assert client.ec2.describe_spot_instance_requests(**asked)["SpotInstanceRequests"][0]["State"] == "closed"


def test_lists_come_in_pages(client: Client) -> None:
    """As many entries a page as are asked for, and no more than it has the habit of."""
    client.habits.page = 2
    ids = {client.run(f"page{number}")["Instances"][0]["InstanceId"] for number in range(5)}
    assert set(client.states()) == ids
    client.aws.bed.calls.clear()
    client.states(PaginationConfig={"PageSize": 1000})
    assert [call.action for call in client.aws.bed.calls] == ["ec2:DescribeInstances"] * 3


def test_prices_are_those_of_the_catalog_unless_others_are_set(client: Client) -> None:
    """On demand by the price list, as spot by the history of the zone."""
    fields = {"regionCode": "us-east-1", "instanceType": "g5.xlarge"}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    (product,) = client.of("pricing").get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"]
    assert "1.006" in product
    client.habits.spot["g5.xlarge", "us-east-1a"] = Decimal("0.31")
    history = client.ec2.describe_spot_price_history(InstanceTypes=["g5.xlarge"])["SpotPriceHistory"]
    assert {each["AvailabilityZone"]: each["SpotPrice"] for each in history}["us-east-1a"] == "0.31"
    plain = client.ec2.describe_spot_price_history(InstanceTypes=["m5.large"])["SpotPriceHistory"]
    assert {Decimal(each["SpotPrice"]) for each in plain} == {Decimal("0.0384")}  # of 0.096


def test_placement_groups_are_kept(client: Client) -> None:
    """Made once, found by tag, and gone when nothing runs in them any more."""
    tags = [{"ResourceType": "placement-group", "Tags": [{"Key": "a", "Value": "b"}]}]
    client.ec2.create_placement_group(GroupName="near", Strategy="cluster", TagSpecifications=tags)
    with refused("InvalidPlacementGroup.Duplicate"):
        client.ec2.create_placement_group(GroupName="near", Strategy="cluster")
    (found,) = client.ec2.describe_placement_groups(Filters=[{"Name": "tag:a", "Values": ["b"]}])["PlacementGroups"]
    assert (found["GroupName"], found["Strategy"]) == ("near", "cluster")
    instance_id = client.run("near", Placement={"GroupName": "near"})["Instances"][0]["InstanceId"]
    assert client.about(instance_id)["Placement"]["GroupName"] == "near"
    with refused("InvalidPlacementGroup.InUse"):
        client.ec2.delete_placement_group(GroupName="near")
    client.ec2.terminate_instances(InstanceIds=[instance_id])
    client.ec2.delete_placement_group(GroupName="near")
    with refused("InvalidPlacementGroup.Unknown"):
        client.ec2.describe_placement_groups(GroupNames=["near"])


def test_images_are_named_by_public_parameters(client: Client) -> None:
    """For each architecture and region one of its own, of which the usual is known."""
    arm = client.newest("arm64")
    (about,) = client.ec2.describe_images(ImageIds=[arm])["Images"]
    assert (about["Architecture"], about["RootDeviceName"]) == ("arm64", "/dev/sda1")
    assert "ubuntu-noble-24.04-arm64" in about["Name"]
    assert len({arm, client.newest(), client.newest("arm64", "eu-west-1")}) == 3
    with refused("ParameterNotFound"):
        client.of("ssm").get_parameter(Name="/aws/service/canonical/nothing")


def test_a_network_has_one_internet_gateway(client: Client) -> None:
    """A second one is not attached."""
    vpc = client.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    one, other = (client.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"] for _ in range(2))
    client.ec2.attach_internet_gateway(InternetGatewayId=one, VpcId=vpc)
    with refused("Resource.AlreadyAssociated"):
        client.ec2.attach_internet_gateway(InternetGatewayId=other, VpcId=vpc)


def test_a_region_can_be_off(client: Client) -> None:
    """It is not listed, and nobody's keys are known there."""
    client.habits.regions_off = {"eu-south-1"}
    assert "eu-south-1" not in {each["RegionName"] for each in client.ec2.describe_regions()["Regions"]}
    with refused("AuthFailure"):
        client.of("ec2", "eu-south-1").describe_instances()
    with refused("UnrecognizedClientException"):
        client.newest(region="eu-south-1")


def test_a_start_is_when_an_instance_was_launched(client: Client) -> None:
    """As EC2 has it: the last time."""
    instance_id = client.run("born")["Instances"][0]["InstanceId"]
    before = client.about(instance_id)["LaunchTime"]
    client.ec2.stop_instances(InstanceIds=[instance_id])
    client.clock.advance(60)
    client.ec2.start_instances(InstanceIds=[instance_id])
    assert (client.about(instance_id)["LaunchTime"] - before).total_seconds() == 60


def test_what_a_shutdown_means_can_be_changed(client: Client) -> None:
    """As EC2 lets it be, while the instance runs."""
    instance_id = client.run("s", InstanceInitiatedShutdownBehavior="terminate")["Instances"][0]["InstanceId"]
    client.ec2.modify_instance_attribute(InstanceId=instance_id, InstanceInitiatedShutdownBehavior={"Value": "stop"})
    attribute = {"InstanceId": instance_id, "Attribute": "instanceInitiatedShutdownBehavior"}
    assert client.ec2.describe_instance_attribute(**attribute)["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


def test_a_client_is_told_its_address(client: Client) -> None:
    """Where it is seen from, or what is set."""
    assert client.told("address") == "127.0.0.1\n"
    client.habits.address = "203.0.113.7"
    assert client.told("address") == "203.0.113.7\n"


def test_what_was_asked_is_on_record(client: Client) -> None:
    """Account, region and action of every request."""
    client.states()
    assert client.told("calls") == [["111111111111", "us-east-1", "ec2:DescribeInstances"]]
