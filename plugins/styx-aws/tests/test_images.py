"""Which image is booted, and who logs in to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from styx.api import Accelerator, InvalidRequest, NotFound
from styx_aws.images import _user, default_parameter, image

if TYPE_CHECKING:
    from conftest import Ec2

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"
NVIDIA = "/aws/service/deeplearning/ami/{}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
NEURON = "/aws/service/neuron/dlami/multi-framework/ubuntu-24.04/latest/image_id"


@pytest.mark.parametrize(
    ("arch", "device", "parameter"),
    [
        ("x86_64", "", UBUNTU.format("amd64")),
        ("arm64", "", UBUNTU.format("arm64")),
        ("x86_64", "A100-80GB", NVIDIA.format("x86_64")),
        ("arm64", "T4g", NVIDIA.format("arm64")),
        ("x86_64", "Trainium2", NEURON),
        ("x86_64", "Inferentia", NEURON),
        ("x86_64", "VU47P", UBUNTU.format("amd64")),
        ("x86_64", "Radeon Pro V520", UBUNTU.format("amd64")),
        ("x86_64", "Qualcomm AI100", UBUNTU.format("amd64")),
        ("x86_64", "U30", UBUNTU.format("amd64")),
    ],
)
def test_a_machine_gets_the_image_with_its_drivers(ec2: Ec2, arch: str, device: str, parameter: str) -> None:
    """Where AWS makes one for its devices; else plain Ubuntu."""
    devices = (Accelerator(device),) if device else ()
    assert default_parameter(replace(ec2.request().offer, arch=arch, accelerators=devices)) == parameter


def test_an_image_can_be_named_by_its_id_or_a_parameter(ec2: Ec2) -> None:
    """Both come to the same."""
    offer = ec2.request().offer
    by_default = image(ec2.session, offer, None)
    assert image(ec2.session, offer, UBUNTU.format("amd64")) == by_default
    ec2.calls()
    assert image(ec2.session, offer, by_default.id) == by_default
    assert ec2.calls() == ["ec2:DescribeImages"]


def test_an_image_that_is_not_published_there_is_another_places(ec2: Ec2) -> None:
    """The next offer may have it: the task has named none."""
    ec2.bed.habits.refuse("ssm:GetParameter", "ParameterNotFound")
    with pytest.raises(NotFound, match="ssm:GetParameter in us-east-1"):
        ec2.cloud.prepare(ec2.request())


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101", "ubuntu"),
        ("Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) 20261101", "ubuntu"),
        ("Deep Learning Base OSS Nvidia Driver GPU AMI (Amazon Linux 2023)", "ec2-user"),
        ("al2023-ami-2023.9.20261101.0-kernel-6.12-x86_64", "ec2-user"),
        ("amzn2-ami-hvm-2.0.20261101-x86_64-gp2", "ec2-user"),
        ("debian-13-amd64-20261101-1234", "admin"),
        ("Fedora-Cloud-Base-AmazonEC2.x86_64-44", "fedora"),
        ("CentOS Stream 10 x86_64", "centos"),
        ("Rocky-10-EC2-Base-10.0", "rocky"),
        ("RHEL-10.0.0_HVM-20261101-x86_64", "ec2-user"),
        ("my own", "ec2-user"),
    ],
)
def test_who_logs_in_goes_by_the_images_name(name: str, user: str) -> None:
    """As its makers have it."""
    assert _user({"Name": name}) == user


def test_an_image_may_say_who_logs_in() -> None:
    """By a tag, for images of one's own."""
    assert _user({"Name": "my own", "Tags": [{"Key": "styx-user", "Value": "core"}]}) == "core"


def test_an_image_without_a_disk_is_refused(ec2: Ec2) -> None:
    """What a shutdown does to its machines cannot be set, and they cannot be stopped."""
    known = image(ec2.session, ec2.request().offer, None)
    with ec2.bed.bed.lock:
        (backend,) = ec2.bed.bed.backends("111111111111", "us-east-1")
        backend.describe_images(ami_ids=[known.id])[0].root_device_type = "instance-store"
    with pytest.raises(InvalidRequest, match="no disk to keep"):
        image(ec2.session, ec2.request().offer, known.id)
