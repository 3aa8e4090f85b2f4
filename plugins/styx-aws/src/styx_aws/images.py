"""Which image a machine boots: by default the newest that its maker publishes, found by a parameter of SSM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from styx.api import InvalidRequest, NotFound, Offer
from styx_aws import tags
from styx_aws.session import Session

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"
_NVIDIA = "/aws/service/deeplearning/ami/{}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
_NEURON = "/aws/service/neuron/dlami/multi-framework/ubuntu-24.04/latest/image_id"
_DEBIAN_NAMES = {"x86_64": "amd64", "arm64": "arm64"}
_NO_DRIVER = re.compile(r"(Trainium|Inferentia)|U30|VU\d|Qualcomm|Radeon")  # devices that are not NVIDIA's
# Who logs in, by how the image's maker names it; the first that fits.
_USERS = (
    (r"(?i)ubuntu", "ubuntu"),
    (r"(?i)^debian", "admin"),
    (r"(?i)^(al2023|amzn2?)-ami|amazon linux", "ec2-user"),
    (r"(?i)^fedora", "fedora"),
    (r"(?i)^centos", "centos"),
    (r"(?i)^rocky", "rocky"),
)
_ANY_USER = "ec2-user"  # of RHEL, SUSE, AlmaLinux, Oracle, and what most makers follow
_HINT = "An image_id on AWS is an AMI of the region, like ami-0abc..., or an SSM parameter, like /aws/service/..."


@dataclass(frozen=True, slots=True)
class Image:
    """An image as a launch needs it: ``disk_gib`` is the least that its first disk may have."""

    id: str
    user: str
    root: str
    disk_gib: int


def default_parameter(offer: Offer) -> str:
    """The SSM parameter that names the image for this machine: with drivers where it has devices that need some."""
    arch = "arm64" if offer.arch == "arm64" else "x86_64"
    other = next((match for each in offer.accelerators if (match := _NO_DRIVER.match(each.name))), None)
    if offer.accelerators and other is None:
        return _NVIDIA.format(arch)
    return _NEURON if other is not None and other[1] else UBUNTU.format(_DEBIAN_NAMES[arch])


def image(session: Session, offer: Offer, wanted: str | None) -> Image:
    """What the machine boots: ``wanted`` is an AMI or an SSM parameter, by default the newest that fits it.

    Raises InvalidRequest for an image that is not there, or made for another kind of machine.
    """
    name, region = wanted or default_parameter(offer), offer.scope.name
    found = name if name.startswith("ami-") else _by_parameter(session, region, name, default=not wanted)
    listed = session.call("ec2:DescribeImages", region, ImageIds=[found])["Images"]
    if not listed:
        raise InvalidRequest(f"there is no image {found} in {region}", field="image_id", hint=_HINT)
    about: Mapping[str, Any] = listed[0]
    arch = about.get("Architecture", offer.arch)
    if arch != offer.arch:
        raise InvalidRequest(
            f"the image {found} is made for {arch}, and {offer.instance_type} is {offer.arch}", field="image_id"
        )
    if about.get("RootDeviceType") == "instance-store":
        raise InvalidRequest(f"the image {found} is of a kind that has no disk to keep", field="image_id")
    root = about.get("RootDeviceName") or "/dev/sda1"
    disks = {each.get("DeviceName"): each.get("Ebs", {}) for each in about.get("BlockDeviceMappings", ())}
    return Image(found, _user(about), root, int(disks.get(root, {}).get("VolumeSize") or 1))


def _by_parameter(session: Session, region: str, name: str, *, default: bool) -> str:
    if not name.startswith("/"):
        raise InvalidRequest(f"{name!r} is neither an AMI nor an SSM parameter", field="image_id", hint=_HINT)
    try:
        return str(session.call("ssm:GetParameter", region, Name=name)["Parameter"]["Value"])
    except NotFound as error:
        if default:  # not everything is published everywhere
            raise
        raise InvalidRequest(f"there is no parameter {name} in {region}", field="image_id", hint=_HINT) from error


def _user(about: Mapping[str, Any]) -> str:
    """Who logs in: as a tag of the image says, else as is usual for images of its name."""
    said = tags.read(about).get(tags.USER)
    name = " ".join(str(about.get(key) or "") for key in ("Name", "Description"))
    return said or next((user for pattern, user in _USERS if re.search(pattern, name)), _ANY_USER)
