"""AWS under the fault harness: every request to EC2, SSM and STS can go wrong, and lists are behind both ways.

make leaks CLOUD=aws
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

from styx.api import Cloud, Owner, Services
from styx.testing.faults import Call, Fault, FaultBench, Role, Tap, Thing
from styx.testing.faults.bench import Request
from styx_aws.cloud import AwsCloud
from styx_aws.config import Settings
from styx_aws.testbed import world
from styx_aws.testbed.ec2 import AT, UNTIL
from styx_aws.testbed.shelf import Shelf
from styx_aws.testbed.wire import REGIONS, Wire, refusal, role

LAG = 1.0  # seconds that lists are behind
_SOON = 0.05  # seconds: each look at a machine on its way is a request, and one is like the other
_HABITS = {"lag": LAG, "boot": _SOON, "stop": _SOON, "go": _SOON}
ELSEWHERE = "elsewhere"  # the variant in which a launch has to go where this installation has never been


class AwsBench(FaultBench):
    """A world of the testbed for each point: see :mod:`styx_aws.testbed.world`."""

    name: ClassVar[str] = "aws"
    variants: ClassVar[Sequence[str]] = ("", ELSEWHERE)
    portable: ClassVar[bool] = True  # a copied directory is found to be one, and the world forked
    impossible: ClassVar[Mapping[Fault, str]] = {}

    @classmethod
    def warm(cls) -> None:
        """Load what moto and botocore load at first use, for all that are forked from here."""
        os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # a thousand images, of which none is asked for
        _warmed()

    @classmethod
    def differs(cls, variant: str, operation: str) -> bool:
        """Only a launch goes elsewhere."""
        return variant != ELSEWHERE or operation == "launch"

    def __init__(self, directory: Path, variant: str = "") -> None:
        super().__init__(directory, variant)
        self._url = ""

    def open(self) -> None:
        """Begin a world, or find the copy of one."""
        self._url = world.find(self.directory) or world.begin(self.directory, **_HABITS)

    def ready(self) -> None:
        """Where the task is to go elsewhere there is no quota in the one region, and no network in the other."""
        if self.variant == ELSEWHERE:
            refused = {"action": "ec2:RunInstances", "code": "VcpuLimitExceeded", "region": REGIONS[0]}
            world.told(self._url, "refuse", **refused, times=1_000_000)
            ec2 = self._wire().client("ec2", REGIONS[1])
            for subnet in ec2.describe_subnets()["Subnets"]:
                ec2.delete_subnet(SubnetId=subnet["SubnetId"])
            for vpc in ec2.describe_vpcs()["Vpcs"]:
                ec2.delete_vpc(VpcId=vpc["VpcId"])

    def cloud(self, services: Services) -> Cloud:
        """A cloud whose requests go to this world."""
        settings = Settings(regions=REGIONS, admit=("203.0.113.0/24",))
        cloud = AwsCloud(replace(services, config=settings, catalog=Shelf()))
        cloud.session = self._wire()
        return cloud

    def things(self) -> Iterable[Thing]:
        """Instances, and disks and addresses that none has."""
        for each in world.told(self._url, "things"):
            owner = Owner.from_tags(each["tags"])
            yield Thing(each["id"], owner, each["bills"], each["runs"])

    def tap(self, cloud: Cloud, tap: Tap) -> None:
        """Every request of boto3's clients, named as policies name them."""
        for (service, region), client in self._wire().clients().items():
            client._make_api_call = partial(self._tapped, cloud, tap, client, service, region)  # noqa: SLF001

    def refusal(self, fault: Fault, call: Call) -> BaseException:
        """As boto3 raises it."""
        return refusal(fault, call.name)

    def lateness(self, call: Call) -> float:
        """So that it is listed before an absence counts."""
        return (call.settle_after - LAG) / 2

    def carry_out(self, request: Request) -> None:
        """At the time at which it was due: what is born then is listed from then on."""
        service, region, operation, words = request.arguments
        client = self._wire().client(service, region)
        with self._saying({AT: str(request.due)}):
            _make(client, operation, words)

    def close(self) -> None:
        """End the world."""
        if self._url:
            world.end(self._url)

    def _tapped(
        self, cloud: Cloud, tap: Tap, client: Any, service: str, region: str, operation: str, words: Any
    ) -> Any:
        self._deliver()
        what = role(operation)
        make = partial(_make, client, operation, words)
        before = partial(world.told, self._url, "changes") if what in {Role.BUY, Role.CHANGE} else None

        def aged(change: int) -> Any:
            with self._saying({UNTIL: str(change)}):
                return make()

        return tap(
            Call(
                f"{service}:{operation}", what, make, (service, region, operation, words), before,
                aged if what is Role.LIST else None, cloud.services.installation, cloud.traits.settle_after,
            )
        )  # fmt: skip

    def _wire(self) -> Wire:
        wire = _warmed()
        wire.url = self._url
        return wire

    @contextmanager
    def _saying(self, headers: Mapping[str, str]) -> Iterator[None]:
        wire = self._wire()
        wire.headers = headers
        try:
            yield
        finally:
            wire.headers = {}


def _make(client: Any, operation: str, words: Any) -> Any:
    return type(client)._make_api_call(client, operation, words)  # noqa: SLF001 - beneath the tap


@cache
def _warmed() -> Wire:
    """The clients of this process, after one request of each kind."""
    from styx_aws.testbed.testbed import Testbed

    wire = Wire()
    with Testbed(hosts=False) as aws:
        wire.url = aws.url
        for region in REGIONS:
            ec2 = wire.client("ec2", region)
            ec2.describe_instances()
            ec2.describe_subnets()
            ec2.describe_security_groups()
        wire.client("sts").get_caller_identity()
        wire.client("ssm").describe_parameters()
    return wire
