"""Ports that are reached from outside: a security group of the attempt, on each of its machines."""

from __future__ import annotations

from collections.abc import Collection

from styx.api import NotFound, Owner
from styx_aws import groups
from styx_aws.observing import GONE, instances, state_of
from styx_aws.session import Session


def open_ports(session: Session, region: str, installation: str, owner: Owner, ports: Collection[int]) -> None:
    """Make these ports of every machine of the attempt reachable for everybody. Idempotent."""
    found = instances(session, region, installation, [owner])
    living = [each for each in found if state_of(each) not in {GONE, "shutting-down"}]
    if not living:
        raise NotFound(f"{owner.name} has no machine in {region}")
    group = groups.of_ports(session, region, living[0]["VpcId"], owner, ports)
    for each in living:
        has = [str(one["GroupId"]) for one in each.get("SecurityGroups", ())]
        if group not in has:
            session.call("ec2:ModifyInstanceAttribute", region, InstanceId=each["InstanceId"], Groups=[*has, group])
