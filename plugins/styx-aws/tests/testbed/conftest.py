"""The testbed by itself, asked with boto3 and nothing of the plugin."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from styx.testing import FakeClock
from styx_aws.testbed import Habits, Testbed
from styx_aws.testbed.history import KEPT

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"


class Client:
    """boto3 in the testbed's environment."""

    def __init__(self, aws: Testbed, clock: FakeClock) -> None:
        self.aws, self.clock, self.habits = aws, clock, aws.habits
        self.ec2 = self.of("ec2")
        self.subnet = self.ec2.describe_subnets()["Subnets"][0]
        self.image = self.newest()

    def of(self, service: str, region: str = "us-east-1", number: int = 1) -> Any:
        """A client with the keys of the first or another account."""
        import boto3
        from botocore.config import Config

        known = self.aws.environment(number)
        return boto3.client(
            service, region, endpoint_url=known["AWS_ENDPOINT_URL"], aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key="x", config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip

    def newest(self, arch: str = "amd64", region: str = "us-east-1", number: int = 1) -> str:
        """Ubuntu's image, as its public parameter names it."""
        found = self.of("ssm", region, number).get_parameter(Name=UBUNTU.format(arch))
        return str(found["Parameter"]["Value"])

    def run(self, token: str = "token", count: int = 1, **more: Any) -> dict[str, Any]:
        """Buy instances."""
        known = {
            "MinCount": count, "MaxCount": count, "ClientToken": token, "ImageId": self.image,
            "InstanceType": "t3.micro", "SubnetId": self.subnet["SubnetId"],
        }  # fmt: skip
        answer: dict[str, Any] = self.ec2.run_instances(**known | more)
        return answer

    def states(self, **asked: Any) -> dict[str, str]:
        """What the list shows."""
        pages = self.ec2.get_paginator("describe_instances").paginate(**asked)
        found = [each for page in pages for reservation in page["Reservations"] for each in reservation["Instances"]]
        return {each["InstanceId"]: each["State"]["Name"] for each in found}

    def about(self, instance_id: str) -> dict[str, Any]:
        """All that the list says of one."""
        answer = self.ec2.describe_instances(InstanceIds=[instance_id])
        found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return found

    def told(self, name: str, **words: Any) -> Any:
        """What the testbed's own address answers."""
        body = json.dumps(words).encode() if words else None
        with urllib.request.urlopen(f"{self.aws.url}/_testbed/{name}", body) as answer:
            text = answer.read().decode()
        return text if name == "address" else json.loads(text)


@pytest.fixture(scope="module")
def known() -> Iterator[Client]:
    """A testbed without hosts, on a clock that stands."""
    clock = FakeClock()
    with Testbed(hosts=False, clock=clock) as aws:
        yield Client(aws, clock)


@pytest.fixture
def client(known: Client) -> Iterator[Client]:
    """The same with no bad habits."""
    known.aws.bed.habits = known.habits = Habits()
    known.aws.bed.calls.clear()
    yield known
    known.aws.bed.habits = known.habits = Habits()
    for instance_id in known.states():
        known.ec2.terminate_instances(InstanceIds=[instance_id])
    known.clock.advance(2 * KEPT)


def refused(code: str) -> Any:
    """An error of AWS' with this code."""
    return pytest.raises(ClientError, match=rf"\({code}\)")
