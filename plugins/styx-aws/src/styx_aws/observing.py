"""What is there: machines, what they have left behind, and launches that were accepted and failed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from styx.api import (
    Billing,
    Cause,
    Endpoint,
    LaunchOutcome,
    LaunchState,
    Leftover,
    Node,
    NodeState,
    Observation,
    Owner,
    Scope,
)
from styx_aws import reasons, tags
from styx_aws.leftovers import leftovers
from styx_aws.session import Session

Instance = Mapping[str, Any]
PAGE = 1000  # machines of one answer
GONE = "terminated"
_STATES = {
    "pending": NodeState.PENDING,
    "running": NodeState.RUNNING,
    "stopping": NodeState.STOPPING,
    "stopped": NodeState.STOPPED,
    "shutting-down": NodeState.TERMINATING,
    GONE: NodeState.TERMINATING,
}
_BILLING = {
    NodeState.PENDING: Billing.FULL,
    NodeState.RUNNING: Billing.FULL,
    NodeState.STOPPING: Billing.DISK_ONLY,  # EC2 counts a machine's seconds while it runs
    NodeState.STOPPED: Billing.DISK_ONLY,
    NodeState.TERMINATING: Billing.NONE,
}


def instances(
    session: Session, region: str, installation: str, owners: Collection[Owner] | None, *, ids: Collection[str] = ()
) -> list[Instance]:
    """The machines of these owners, or with None of the installation; of all of these, those with one of ``ids``.

    Those that are gone are among them for as long as AWS lists them, which is about an hour.
    """
    wanted = tags.filters(installation, owners)
    if ids:
        wanted.append({"Name": "instance-id", "Values": sorted(ids)})
    return tags.of(owners, installation, matching(session, region, wanted))


def matching(session: Session, region: str, filters: list[tags.Filter]) -> Iterator[Instance]:
    """The machines that fit, whosever they are."""
    for page in session.pages("ec2:DescribeInstances", region, Filters=filters, MaxResults=PAGE):
        for reservation in page["Reservations"]:
            yield from reservation["Instances"]


def state_of(instance: Instance) -> str:
    """AWS' own word for the state."""
    return str(instance["State"]["Name"])


def rank_of(instance: Instance) -> int | None:
    """The rank that was asked for with this machine of a request; None where its tags do not tell."""
    ranks = tags.ranks_from_text(tags.read(instance).get(tags.RANKS, ""))
    number: int = instance.get("AmiLaunchIndex", 0)
    return ranks[number] if number < len(ranks) else None


def observe(
    session: Session, scope: Scope, installation: str, owners: Collection[Owner] | None, now: datetime, *,
    ssh_port: int, given_back: Collection[Owner],
) -> Observation:  # fmt: skip
    """Everything in one region. Machines of owners in ``given_back`` are not told of once they are gone.

    Where all owners asked for have machines that live nothing has outlived any, and only these are looked for.
    """
    listed = instances(session, scope.name, installation, owners)
    nodes, outcomes = [], {}
    for instance in listed:
        owner = Owner.from_tags(tags.read(instance))
        assert owner is not None
        gone = state_of(instance) == GONE
        token = str(instance.get("ClientToken") or "")
        if gone and (error := reasons.refusal(instance)) is not None:
            outcomes[token] = LaunchOutcome(token, owner, LaunchState.FAILED, error)
        taken_back = reasons.cause(instance) is Cause.PREEMPTED and owner not in given_back
        if not gone or taken_back:
            nodes.append(_node(instance, owner, scope.name, ssh_port))
    alive = {node.owner for node in nodes if node.state is not NodeState.TERMINATING}
    left: list[Leftover] = []
    if owners is None or not set(owners) <= alive:
        left = leftovers(session, scope.name, installation, owners, in_use=alive)
    return Observation(scope, now, tuple(nodes), tuple(left), tuple(outcomes.values()))


def _node(instance: Instance, owner: Owner, region: str, ssh_port: int) -> Node:
    said = tags.read(instance)
    address = instance.get("PublicIpAddress")
    state = _STATES.get(state_of(instance), NodeState.PENDING)
    if state is NodeState.RUNNING and not address:
        state = NodeState.PENDING
    rank, billing = rank_of(instance), _BILLING[state]
    return Node(
        id=instance["InstanceId"], owner=owner, state=state, rank=rank,
        name="" if rank is None else owner.node_name(rank),
        cause=Cause.UNKNOWN if state in {NodeState.PENDING, NodeState.RUNNING} else reasons.cause(instance),
        evidence=reasons.evidence(instance), endpoint=_endpoint(address, said, ssh_port) if address else None,
        private_ip=instance.get("PrivateIpAddress"), public_ip=address,
        billing=billing, hourly_cost=_cost(billing, said),
        token=instance.get("ClientToken") or None, instance_type=instance["InstanceType"],
        created_at=_born(instance), region=region, zone=instance["Placement"]["AvailabilityZone"],
    )  # fmt: skip


def _born(instance: Instance) -> datetime | None:
    """When it was made: its network interface was attached then. LaunchTime is when it was started last."""
    moments = [each.get("Attachment", {}).get("AttachTime") for each in instance.get("NetworkInterfaces", ())]
    moment: datetime | None = min(filter(None, [instance.get("LaunchTime"), *moments]), default=None)
    return None if moment is None else moment.astimezone(UTC)


def _endpoint(address: str, said: Mapping[str, str], ssh_port: int) -> Endpoint:
    options = {"host": address, "port": str(ssh_port), "user": said.get(tags.USER, "ec2-user")}
    if key := said.get(tags.BOOT_KEY):
        options["boot_key"] = key
    return Endpoint("ssh", options)


def _cost(billing: Billing, said: Mapping[str, str]) -> Decimal | None:
    """USD per hour; what the disk of a stopped machine costs is in no catalog."""
    if billing is Billing.NONE:
        return Decimal(0)
    try:
        return Decimal(said[tags.PRICE]) if billing is Billing.FULL else None
    except (KeyError, InvalidOperation):
        return None
