"""Which network machines are put into, and how one is made by several clients at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from styx.api import NotFound, NotYet, ProviderError
from styx_aws import network
from styx_aws.session import Session

if TYPE_CHECKING:
    from conftest import Ec2

REGION = "us-east-1"


@pytest.fixture
def bare(ec2: Ec2) -> Ec2:
    """A region in which somebody has removed the default network."""
    ec2.seen()
    with ec2.bed.bed.lock:
        (backend,) = ec2.bed.bed.backends("111111111111", REGION)
        for subnet in backend.describe_subnets():
            backend.delete_subnet(subnet.id)
        for vpc in backend.describe_vpcs():
            backend.delete_vpc(vpc.id)
    ec2.calls()
    return ec2


def vpcs(ec2: Ec2) -> list[dict[str, Any]]:
    """All there are."""
    return list(ec2.session.call("ec2:DescribeVpcs", REGION)["Vpcs"])


def by_hand(ec2: Ec2, name: str, marked: bool = False, public: bool = True) -> tuple[str, str]:
    """A VPC that the user has made, with a subnet."""
    client = ec2.session.client("ec2", REGION)
    tags = [{"Key": "Name", "Value": name}, *([{"Key": "styx-network", "Value": "yes"}] if marked else [])]
    vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    client.create_tags(Resources=[vpc], Tags=tags)
    made = client.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone=f"{REGION}a")
    subnet: str = made["Subnet"]["SubnetId"]
    if public:
        client.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    ec2.bed.bed.calls.clear()
    return vpc, subnet


def test_the_default_network_is_used(ec2: Ec2) -> None:
    """With its subnet in the zone that was asked for; nothing is made."""
    place = network.place(ec2.session, REGION, f"{REGION}b", "")
    (default,) = vpcs(ec2)
    assert (place.vpc, place.zone) == (default["VpcId"], f"{REGION}b")
    assert not [action for action in ec2.calls() if "Create" in action]


def test_a_network_marked_for_styx_comes_first(ec2: Ec2) -> None:
    """Before the default one."""
    vpc, subnet = by_hand(ec2, "ml", marked=True)
    place = network.place(ec2.session, REGION, f"{REGION}a", "")
    assert (place.vpc, place.subnet) == (vpc, subnet)


def test_the_network_of_the_settings_comes_before_all(ec2: Ec2) -> None:
    """By its name or id."""
    by_hand(ec2, "ml", marked=True)
    vpc, _ = by_hand(ec2, "mine")
    for wanted in ("mine", vpc):
        assert network.place(ec2.session, REGION, f"{REGION}a", wanted).vpc == vpc
    request = ec2.request()
    assert ec2.client(vpc="mine").prepare(request) != ec2.cloud.prepare(request)


def test_a_network_that_is_not_there_is_told(ec2: Ec2) -> None:
    """With the setting that names it; and nothing is made in its place."""
    with pytest.raises(NotFound, match="there is no VPC 'mine' in us-east-1") as caught:
        ec2.client(vpc="mine").prepare(ec2.request())
    assert "clouds.aws.vpc" in str(caught.value.hint)
    assert "ec2:CreateVpc" not in ec2.calls()


def test_a_network_without_a_subnet_in_the_zone_is_told(ec2: Ec2) -> None:
    """Nothing is made in what is the user's."""
    by_hand(ec2, "mine")
    with pytest.raises(NotFound, match="has no subnet in us-east-1b"):
        network.place(ec2.session, REGION, f"{REGION}b", "mine")


def test_of_several_subnets_one_with_public_addresses_is_taken(ec2: Ec2) -> None:
    """The others may have no way to the internet."""
    vpc, private = by_hand(ec2, "mine", public=False)
    client = ec2.session.client("ec2", REGION)
    made = client.create_subnet(VpcId=vpc, CidrBlock="10.0.2.0/24", AvailabilityZone=f"{REGION}a")
    public = made["Subnet"]["SubnetId"]
    client.modify_subnet_attribute(SubnetId=public, MapPublicIpOnLaunch={"Value": True})
    ec2.bed.bed.calls.clear()
    assert network.place(ec2.session, REGION, f"{REGION}a", "mine").subnet == public != private


def test_where_there_is_none_a_network_is_made(bare: Ec2) -> None:
    """With a way to the internet, and a subnet for each zone that is asked for; made once."""
    first = network.place(bare.session, REGION, f"{REGION}a", "")
    second = network.place(bare.session, REGION, f"{REGION}b", "")
    assert first.vpc == second.vpc
    assert first.subnet != second.subnet
    (gateway,) = bare.session.call("ec2:DescribeInternetGateways", REGION)["InternetGateways"]
    assert [each["VpcId"] for each in gateway["Attachments"]] == [first.vpc]
    (table,) = bare.session.call("ec2:DescribeRouteTables", REGION)["RouteTables"]
    assert gateway["InternetGatewayId"] in {route.get("GatewayId") for route in table["Routes"]}
    bare.calls()
    assert network.place(bare.session, REGION, f"{REGION}a", "") == first
    assert bare.calls() == ["ec2:DescribeVpcs", "ec2:DescribeSubnets"]


def test_machines_run_in_a_network_that_was_made(bare: Ec2) -> None:
    """And have public addresses."""
    owner, _ = bare.launched()
    assert bare.node(owner).public_ip


@pytest.mark.parametrize("failing", range(1, 12))
def test_a_network_that_was_begun_is_finished(bare: Ec2, failing: int) -> None:
    """Whichever request is the last that a client gets through."""
    session, made = _Dying(bare.session, failing), 0
    try:
        network.place(session, REGION, f"{REGION}a", "")
    except _Died:
        made = 1
    place = network.place(bare.session, REGION, f"{REGION}a", "")
    assert [vpc["VpcId"] for vpc in vpcs(bare)] == [place.vpc]
    (gateway,) = bare.session.call("ec2:DescribeInternetGateways", REGION)["InternetGateways"]
    assert [each["VpcId"] for each in gateway["Attachments"]] == [place.vpc]
    assert made or failing > 10


def test_clients_that_make_one_at_once_settle_on_one(bare: Ec2) -> None:
    """Whatever comes between their requests, in the end there is one network with one subnet, and no spare gateway."""
    sessions = [Session() for _ in range(4)]

    def place(session: Session) -> network.Place:
        for _ in range(20):
            try:
                return network.place(session, REGION, f"{REGION}a", "")
            except (NotYet, ProviderError):
                continue
        raise AssertionError("no network came about")

    with ThreadPoolExecutor(len(sessions)) as pool:
        list(pool.map(place, sessions))
    settled = {place(session) for session in sessions}
    assert len(settled) == 1
    assert [vpc["VpcId"] for vpc in vpcs(bare)] == [settled.pop().vpc]
    gateways = bare.session.call("ec2:DescribeInternetGateways", REGION)["InternetGateways"]
    assert all(each["Attachments"] for each in gateways)
    assert len(bare.session.call("ec2:DescribeSubnets", REGION)["Subnets"]) == 1


def test_a_network_that_is_not_known_everywhere_is_waited_for(bare: Ec2) -> None:
    """EC2 may have made it before all of it knows."""
    bare.bed.habits.refuse("ec2:CreateSubnet", "InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist")
    with pytest.raises(NotYet, match="the new network in us-east-1"):
        network.place(bare.session, REGION, f"{REGION}a", "")
    assert network.place(bare.session, REGION, f"{REGION}a", "").vpc == vpcs(bare)[0]["VpcId"]


def test_an_offer_without_a_zone_gets_one(ec2: Ec2) -> None:
    """One of the subnet's, always the same."""
    offer = replace(ec2.request().offer, zone=None, instance_type="t2.2xlarge")  # sold in all of them
    request = ec2.request(offer=offer)
    assert ec2.cloud.prepare(request) == ec2.cloud.prepare(request)
    owner, _ = ec2.launched(offer=offer)
    assert str(ec2.node(owner).zone).startswith(REGION)


class _Died(Exception):
    pass


class _Dying(Session):
    """Whose client is killed at the n-th request, before that is sent."""

    def __init__(self, other: Session, failing: int) -> None:
        super().__init__()
        self._other, self._left = other, failing

    def call(self, action: str, region: str = "", **asked: Any) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0:
            raise _Died
        return self._other.call(action, region, **asked)
