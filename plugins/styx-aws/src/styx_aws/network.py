"""The network that machines are put into: the user's own, the one marked for Styx, the default one, or a new one.

None of the requests that make a network takes a token. So everything is looked for before it is made, and again after:
of two clients that make one at the same time both settle on the network with the lower id, and its ranges of addresses
belong to zones, so that nobody makes a second subnet for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from styx.api import NotFound
from styx_aws import tags
from styx_aws.errors import done_already, waiting
from styx_aws.session import Session

MARK = "styx-network"  # the tag of a VPC, or a subnet of one, that Styx is to use
_BEGUN, _READY = "begun", "ready"  # its values on a VPC that Styx has made
_ADDRESSES = ip_network("172.31.0.0/16")  # as a default VPC has them
_SUBNET_BITS = 20
_UNKNOWN = ("InvalidVpcID.NotFound", "InvalidInternetGatewayID.NotFound", "InvalidSubnetID.NotFound")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a region a machine is put."""

    vpc: str
    subnet: str
    zone: str


def place(session: Session, region: str, zone: str | None, vpc: str = "") -> Place:
    """A subnet of this zone, or of any; ``vpc`` is the id or name of a VPC that the user has chosen. Idempotent.

    Makes a network where the region has none that may be used. Raises NotFound where the chosen one has no subnet
    there, and NotYet where a new one is not known everywhere yet.
    """
    network = _chosen(session, region, vpc)
    with waiting(f"the new network in {region}", *_UNKNOWN):
        if network is None:
            network = _made(session, region)
        if _mark(network) == _BEGUN:
            _finish(session, region, network["VpcId"])
        subnet = _subnet(session, region, zone, network)
    return Place(network["VpcId"], subnet["SubnetId"], subnet["AvailabilityZone"])


def _mark(thing: Mapping[str, Any]) -> str | None:
    return tags.read(thing).get(MARK)


def _chosen(session: Session, region: str, wanted: str) -> dict[str, Any] | None:
    known: list[dict[str, Any]] = [vpc for page in session.pages("ec2:DescribeVpcs", region) for vpc in page["Vpcs"]]
    known.sort(key=lambda vpc: vpc["VpcId"])
    if wanted:
        named = (vpc for vpc in known if wanted in {vpc["VpcId"], tags.read(vpc).get("Name")})
        found = next(named, None)
        if found is None:
            raise NotFound(
                f"there is no VPC {wanted!r} in {region}",
                hint="Name one in clouds.aws.vpc by id or by its tag Name, and its regions in clouds.aws.regions.",
            )
        return found
    return next((vpc for vpc in known if _mark(vpc) is not None), None) or next(
        (vpc for vpc in known if vpc.get("IsDefault")), None
    )


def _subnet(session: Session, region: str, zone: str | None, network: Mapping[str, Any]) -> dict[str, Any]:
    """Of several in a zone: one that is marked, else one that gives public addresses, else that of the lowest id."""
    wanted = [{"Name": "vpc-id", "Values": [network["VpcId"]]}]
    if zone:
        wanted.append({"Name": "availability-zone", "Values": [zone]})
    pages = session.pages("ec2:DescribeSubnets", region, Filters=wanted)
    known = [subnet for page in pages for subnet in page["Subnets"]]
    if known:
        return min(known, key=lambda each: (_mark(each) is None, not each.get("MapPublicIpOnLaunch"), each["SubnetId"]))
    if _mark(network) not in {_BEGUN, _READY}:
        raise NotFound(
            f"the VPC {network['VpcId']} has no subnet in {zone or region}",
            hint="Add one with a route to an internet gateway, or let clouds.aws.vpc name another VPC.",
        )
    return _new_subnet(session, region, zone or f"{region}a", network["VpcId"])


def _new_subnet(session: Session, region: str, zone: str, vpc: str) -> dict[str, Any]:
    blocks = list(_ADDRESSES.subnets(new_prefix=_SUBNET_BITS))
    block = str(blocks[(ord(zone[-1]) - ord("a")) % len(blocks)])
    with waiting(f"the subnet that another client makes in {zone}", "InvalidSubnet.Conflict"):
        answer = session.call(
            "ec2:CreateSubnet", region, VpcId=vpc, AvailabilityZone=zone, CidrBlock=block,
            TagSpecifications=_tagged("subnet", _READY),
        )  # fmt: skip
    subnet: dict[str, Any] = answer["Subnet"]
    return subnet


def _tagged(kind: str, value: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags.written({"Name": "styx", MARK: value})}]


def _made(session: Session, region: str) -> dict[str, Any]:
    """A new VPC, or the one that another client has made at the same time."""
    answer = session.call("ec2:CreateVpc", region, CidrBlock=str(_ADDRESSES), TagSpecifications=_tagged("vpc", _BEGUN))
    made: dict[str, Any] = answer["Vpc"]
    settled = _chosen(session, region, "") or made
    if settled["VpcId"] != made["VpcId"]:
        with done_already("DependencyViolation", "InvalidVpcID.NotFound"):  # nobody may be using it yet
            session.call("ec2:DeleteVpc", region, VpcId=made["VpcId"])
    return settled


def _finish(session: Session, region: str, vpc: str) -> None:
    """A way to the internet and back. The mark says afterwards that this need not be looked at again."""
    gateway = _gateway(session, region, vpc)
    main = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    for page in session.pages("ec2:DescribeRouteTables", region, Filters=main):
        for table in page["RouteTables"]:
            with done_already("RouteAlreadyExists"):
                session.call(
                    "ec2:CreateRoute", region, RouteTableId=table["RouteTableId"], GatewayId=gateway,
                    DestinationCidrBlock="0.0.0.0/0",
                )  # fmt: skip
    session.call("ec2:CreateTags", region, Resources=[vpc], Tags=tags.written({MARK: _READY}))


def _gateway(session: Session, region: str, vpc: str) -> str:
    """The VPC's internet gateway. It has one at most: of two clients one attaches its own, the other drops it."""
    attached = _gateways(session, region, "attachment.vpc-id", vpc)
    if attached:
        return attached[0]
    waiting_ones = _gateways(session, region, f"tag:{MARK}", vpc)
    if waiting_ones:
        mine = waiting_ones[0]
    else:
        made = session.call("ec2:CreateInternetGateway", region, TagSpecifications=_tagged("internet-gateway", vpc))
        mine = str(made["InternetGateway"]["InternetGatewayId"])
    with done_already("Resource.AlreadyAssociated", "InvalidParameterValue"):
        session.call("ec2:AttachInternetGateway", region, InternetGatewayId=mine, VpcId=vpc)
    attached = _gateways(session, region, "attachment.vpc-id", vpc)
    if attached and mine not in attached:
        with done_already("DependencyViolation", "InvalidInternetGatewayID.NotFound"):
            session.call("ec2:DeleteInternetGateway", region, InternetGatewayId=mine)
    return attached[0] if attached else mine


def _gateways(session: Session, region: str, name: str, value: str) -> list[str]:
    pages = session.pages("ec2:DescribeInternetGateways", region, Filters=[{"Name": name, "Values": [value]}])
    return sorted(each["InternetGatewayId"] for page in pages for each in page["InternetGateways"])
