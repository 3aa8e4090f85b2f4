"""Placement groups: machines of one attempt that talk to each other at speed are put close together."""

from __future__ import annotations

from typing import Any

from styx.api import LaunchRequest, Owner
from styx_aws import tags
from styx_aws.errors import done_already
from styx_aws.session import Session


def wanted(request: LaunchRequest) -> bool:
    """Whether the machines are worth it: several, with accelerators or EFA. Burstable types cannot be placed."""
    offer = request.offer
    fast = bool(offer.accelerators) or "efa" in offer.capabilities
    return len(request.ranks) > 1 and fast and "burstable" not in offer.capabilities


def make(session: Session, region: str, owner: Owner) -> None:
    """The attempt's group; its name is unique in the region. Idempotent."""
    tagged: dict[str, Any] = {"ResourceType": "placement-group", "Tags": tags.written({**owner.tags()})}
    with done_already("InvalidPlacementGroup.Duplicate"):
        session.call(
            "ec2:CreatePlacementGroup", region, GroupName=owner.name, Strategy="cluster", TagSpecifications=[tagged]
        )
