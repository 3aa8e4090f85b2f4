"""From what core asks for to one request for all machines of an attempt, which is stored before it is made.

What is stored is the request itself, with two things left open: the token, which core makes of it, and the private half
of the key for the first contact. So a launch that is repeated is the same to the byte, whatever version repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from styx.api import (
    InvalidRequest,
    LaunchRequest,
    OutcomeUnknown,
    Prepared,
    ProviderError,
    Receipt,
    Transient,
    Unsupported,
)
from styx_aws import bootdata, groups, placement, tags
from styx_aws.disks import root_disk
from styx_aws.errors import code_of
from styx_aws.images import Image, image
from styx_aws.keys import key_pair
from styx_aws.network import place
from styx_aws.secret import Secret
from styx_aws.session import Session

GroupOf = Callable[[str, str], str]  # of a region and a VPC in it

_SCRIPT_MOST = 16 * 1024  # bytes of user data
_KEY_ROOM = 512  # of these for the private key
_HOPS = 2  # from a container on the machine to the metadata service
# What was made a moment ago and is not known everywhere yet.
_NOT_KNOWN = {
    "InvalidGroup.NotFound", "InvalidKeyPair.NotFound", "InvalidPlacementGroup.Unknown", "InvalidSubnetID.NotFound",
}  # fmt: skip


def prepare(session: Session, secret: Secret, request: LaunchRequest, group_of: GroupOf, vpc: str) -> Prepared:
    """The intent. ``group_of`` makes the installation's security group of a VPC ready, and tells its id. Idempotent."""
    offer, region, owner = request.offer, request.offer.scope.name, request.owner
    price = offer.price(spot=request.spot)
    if request.spot and price is None:
        raise Unsupported(f"{offer.instance_type} is not sold as spot in {offer.zone or region}", capability="spot")
    labels = tags.labels(request.labels)
    found = image(session, offer, request.image)
    disk = root_disk(found, request.disk_gib, request.disk_tier)
    public = bootdata.public_key(secret, owner)
    user_data = bootdata.template(request.boot, found.user, public)
    if len(user_data.encode()) + _KEY_ROOM > _SCRIPT_MOST:
        raise InvalidRequest(f"what the machine is told for its first boot has more than {_SCRIPT_MOST} bytes")
    there = place(session, region, offer.zone, vpc)
    asked = {
        "ImageId": found.id,
        "KeyName": key_pair(session, region, owner.installation, request.boot.authorized_key),
        "NetworkInterfaces": [_interface(there.subnet, group_of(region, there.vpc))],
        "BlockDeviceMappings": [disk],
        "TagSpecifications": _tags(request, found, labels, public),
        **_machines(request),
    }
    payload = {
        "action": "launch", "request": asked, "user_data": user_data, "vpc": there.vpc, "ports": sorted(request.ports),
        "hourly": None if price is None else str(price),
    }  # fmt: skip
    return Prepared(owner, offer.scope, request.ranks, json.dumps(payload, sort_keys=True))


def _machines(request: LaunchRequest) -> dict[str, Any]:
    """How many of which kind, and what they may do."""
    asked: dict[str, Any] = {
        "InstanceType": request.offer.instance_type,
        "MinCount": len(request.ranks),
        "MaxCount": len(request.ranks),
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": _HOPS},
    }
    if request.spot:
        spot = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
        asked["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": spot}
    if request.identity:
        key = "Arn" if request.identity.startswith("arn:") else "Name"
        asked["IamInstanceProfile"] = {key: request.identity}
    if placement.wanted(request):
        asked["Placement"] = {"GroupName": request.owner.name}
    return asked


def _interface(subnet: str, group: str) -> dict[str, Any]:
    return {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "AssociatePublicIpAddress": True}


def launch(session: Session, secret: Secret, prepared: Prepared, payload: dict[str, Any]) -> Receipt:
    """Ask for the machines. The same again is answered with the same machines, or refused.

    Raises OutcomeUnknown where another client has prepared it: only that one can say again what it said.
    """
    owner, region = prepared.owner, prepared.scope.name
    asked: dict[str, Any] = payload["request"]
    if bootdata.public_key(secret, owner) not in payload["user_data"]:
        raise OutcomeUnknown(f"{owner.name} was prepared by a client on another machine, which alone can ask again")
    if payload["ports"]:
        ports = groups.of_ports(session, region, payload["vpc"], owner, payload["ports"])
        asked["NetworkInterfaces"][0]["Groups"].append(ports)
    if "Placement" in asked:
        placement.make(session, region, owner)
    with _known(region):
        answer = session.call(
            "ec2:RunInstances", region, **asked, ClientToken=prepared.token,
            UserData=bootdata.script(payload["user_data"], secret, owner),
        )  # fmt: skip
    made = sorted(answer["Instances"], key=lambda each: (each.get("AmiLaunchIndex", 0), each["InstanceId"]))
    ids = {rank: str(each["InstanceId"]) for rank, each in zip(prepared.ranks, made, strict=False)}
    hourly = None if payload["hourly"] is None else Decimal(payload["hourly"]) * len(prepared.ranks)
    return Receipt(prepared.token, ids, hourly_cost=hourly)


@contextmanager
def _known(region: str) -> Iterator[None]:
    try:
        yield
    except ProviderError as error:
        if code_of(error) not in _NOT_KNOWN:
            raise
        raise Transient(f"what was made for the launch is not known everywhere in {region} yet") from error


def _tags(request: LaunchRequest, found: Image, labels: dict[str, str], public: str) -> list[dict[str, Any]]:
    owner, price = request.owner, request.offer.price(spot=request.spot)
    usual = {**labels, **owner.tags(), "Name": owner.name}
    more = {tags.RANKS: tags.ranks_as_text(request.ranks), tags.USER: found.user, tags.BOOT_KEY: public}
    if price is not None:
        more[tags.PRICE] = str(price)
    things = {"instance": {**usual, **more}, "volume": usual}
    if request.spot:
        things["spot-instances-request"] = usual
    return [{"ResourceType": kind, "Tags": tags.written(said)} for kind, said in things.items()]
