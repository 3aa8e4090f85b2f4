"""What can outlive machines: disks, which bill, and groups, which do not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from styx.api import Leftover, Owner
from styx_aws import tags
from styx_aws.errors import done_already, waiting
from styx_aws.session import Session

DISK, PORTS, PLACEMENT = "disk", "security group", "placement group"
_FREE = Decimal(0)
_HELD = ("DependencyViolation", "VolumeInUse", "InvalidGroup.InUse", "InvalidPlacementGroup.InUse")


def leftovers(
    session: Session, region: str, installation: str, owners: Collection[Owner] | None, *,
    in_use: Collection[Owner | None] = (),
) -> list[Leftover]:  # fmt: skip
    """Disks that no machine has, and groups of owners that have none any more; ``in_use`` are those that do."""
    found = []
    for kind, id_, owner, cost in _things(session, region, installation, owners):
        if kind == DISK or owner not in in_use:
            found.append(Leftover(id_, kind, owner, cost))
    return found


def remove(session: Session, region: str, installation: str, owner: Owner) -> None:
    """Remove everything of an attempt whose machines are gone. Idempotent.

    Raises NotYet where something is still held by a machine on its way out.
    """
    for kind, id_, _, _ in _things(session, region, installation, [owner]):
        with waiting(f"the {kind} {id_} to be free", *_HELD):
            if kind == DISK:
                with done_already("InvalidVolume.NotFound"):
                    session.call("ec2:DeleteVolume", region, VolumeId=id_)
            elif kind == PORTS:
                with done_already("InvalidGroup.NotFound"):
                    session.call("ec2:DeleteSecurityGroup", region, GroupId=id_)
            else:
                with done_already("InvalidPlacementGroup.Unknown"):
                    session.call("ec2:DeletePlacementGroup", region, GroupName=id_)


def _things(
    session: Session, region: str, installation: str, owners: Collection[Owner] | None
) -> Iterator[tuple[str, str, Owner, Decimal | None]]:
    """Kind, id, owner and USD per hour of each; what a disk costs is in no catalog."""
    wanted: dict[str, Any] = {"Filters": tags.filters(installation, owners)}
    detached = {"Name": "status", "Values": ["available"]}
    for page in session.pages("ec2:DescribeVolumes", region, Filters=[*wanted["Filters"], detached]):
        for disk in tags.of(owners, installation, page["Volumes"]):
            yield DISK, disk["VolumeId"], _owner(disk), None
    for page in session.pages("ec2:DescribeSecurityGroups", region, **wanted):
        for group in tags.of(owners, installation, page["SecurityGroups"]):
            yield PORTS, group["GroupId"], _owner(group), _FREE
    listed = session.call("ec2:DescribePlacementGroups", region, **wanted)  # which has no pages
    for group in tags.of(owners, installation, listed["PlacementGroups"]):
        if group.get("State") != "deleted":
            yield PLACEMENT, group["GroupName"], _owner(group), _FREE


def _owner(thing: dict[str, Any]) -> Owner:
    owner = Owner.from_tags(tags.read(thing))
    assert owner is not None
    return owner
