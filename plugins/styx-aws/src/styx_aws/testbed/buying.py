"""What EC2 looks at before it sells: whether there is such a thing, and whether there is room for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.ec2.utils import filter_iam_instance_profiles
from moto.iam.exceptions import NotFoundException

from styx_aws.testbed.bed import Bed

_TAKES_ROOM = ("pending", "running")


class Refused(EC2ClientError):
    """An error of EC2's, with the HTTP status that goes with it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a request asks for. ``zone_named`` is the zone if the request names one, itself or by its subnet."""

    account: str
    region: str
    zone: str
    zone_named: str | None
    instance_type: str
    count: int
    spot: bool
    image_id: str
    group: str
    key_name: str | None
    security_groups: Sequence[str]
    action: str = "ec2:RunInstances"
    profile: tuple[str | None, str | None] = (None, None)  # of IAM: its ARN, its name

    @classmethod
    def of(cls, request: Any) -> Purchase:
        """That of a RunInstances."""
        ask = request._get_param  # noqa: SLF001 - how moto's requests are read
        nics = ask("NetworkInterfaces", [])
        subnet = next((nic["SubnetId"] for nic in nics if nic.get("SubnetId")), ask("SubnetId"))
        zone = request.ec2_backend.get_subnet(subnet).availability_zone if subnet else ask("Placement.AvailabilityZone")
        groups = [group for nic in nics for group in nic.get("Groups", [])] + ask("SecurityGroupIds", [])
        return cls(
            request.current_account, request.region, zone or f"{request.region}a", zone,
            ask("InstanceType", "m1.small"), int(ask("MinCount", 1)), ask("InstanceMarketOptions.MarketType") == "spot",
            ask("ImageId"), ask("Placement.GroupName") or "", ask("KeyName"), groups,
            profile=(ask("IamInstanceProfile.Arn"), ask("IamInstanceProfile.Name")),
        )  # fmt: skip

    @classmethod
    def again(cls, instances: Sequence[Any], region: str, account: str) -> Purchase:
        """That of a StartInstances, of instances that are alike."""
        one = instances[0]
        return cls(
            account, region, one.placement.zone, one.placement.zone, one.instance_type, len(instances), False,
            one.image_id, one.placement.group_name, None, (), "ec2:StartInstances",
        )  # fmt: skip


def sold(bed: Bed, backend: Any, purchase: Purchase) -> None:
    """Raise Refused unless there are such types, images, keys and groups, and they go together."""
    name = purchase.instance_type
    if name not in INSTANCE_TYPES:
        raise Refused("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
    if name not in _offered(purchase.region, purchase.zone):
        raise Refused(
            "Unsupported",
            f"Your requested instance type ({name}) is not supported in your requested Availability Zone "
            f"({purchase.zone}).",
        )
    try:
        image = backend.describe_images(ami_ids=[purchase.image_id])[0]
    except InvalidAMIIdError:
        raise Refused("InvalidAMIID.NotFound", f"The image id '[{purchase.image_id}]' does not exist") from None
    runs_on = INSTANCE_TYPES[name]["ProcessorInfo"]["SupportedArchitectures"]
    if image.architecture not in runs_on:
        raise Refused(
            "InvalidParameterValue",
            f"The architecture '{','.join(runs_on)}' of the specified instance type does not match the architecture "
            f"'{image.architecture}' of the specified AMI.",
        )
    if purchase.key_name:
        backend.describe_key_pairs(key_names=[purchase.key_name])
    for group in purchase.security_groups:
        if backend.get_security_group_from_id(group) is None:
            raise Refused("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    try:
        filter_iam_instance_profiles(purchase.account, "aws", *purchase.profile)
    except NotFoundException:
        arn, wanted = purchase.profile
        field = "arn" if arn else "name"
        raise Refused(
            "InvalidParameterValue",
            f"Value ({arn or wanted}) for parameter iamInstanceProfile.{field} is invalid. "
            f"Invalid IAM Instance Profile {field}",
        ) from None
    if purchase.group and purchase.group not in bed.groups.get((purchase.account, purchase.region), {}):
        raise Refused("InvalidPlacementGroup.Unknown", f"The Placement Group '{purchase.group}' is unknown.")


def capacity(bed: Bed, backend: Any, purchase: Purchase) -> None:
    """Raise Refused where a quota, or what is left of a type in a zone, does not allow for it."""
    name, zone = purchase.instance_type, purchase.zone
    if refusal := bed.habits.refusal(purchase.action, purchase.region, zone, name):
        raise Refused(refusal.code, refusal.message, refusal.status)
    there = [
        each for reservation in backend.reservations.values() for each in reservation.instances
        if each.state in _TAKES_ROOM
    ]  # fmt: skip
    limit = bed.habits.spot_vcpus if purchase.spot else bed.habits.vcpus
    used = sum(_vcpus(each.instance_type) for each in there if (each.lifecycle == "spot") == purchase.spot)
    if limit is not None and used + purchase.count * _vcpus(name) > limit:
        raise _over_quota(limit, spot=purchase.spot)
    for key, most in bed.habits.capacity.items():
        fits = [each for each in there if key in _keys(each.instance_type, each.placement.zone)]
        if key in _keys(name, zone) and len(fits) + purchase.count > most:
            raise Refused(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {name} capacity in the Availability Zone you requested ({zone}). "
                "Our system will be working on provisioning additional capacity.",
                500,
            )


def _over_quota(limit: int, *, spot: bool) -> Refused:
    if spot:
        return Refused("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
    return Refused(
        "VcpuLimitExceeded",
        f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance bucket "
        "that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to "
        "request an adjustment to this limit.",
    )


def _keys(name: str, zone: str) -> tuple[str, str, str]:
    return name, zone, f"{name}@{zone}"


def _vcpus(name: str) -> int:
    return int(INSTANCE_TYPES[name]["VCpuInfo"]["DefaultVCpus"])


@cache
def _offered(region: str, zone: str) -> frozenset[str]:
    offerings = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, ())
    return frozenset(each["InstanceType"] for each in offerings if each["Location"] == zone)
