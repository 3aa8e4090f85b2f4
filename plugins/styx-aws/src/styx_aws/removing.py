"""Ending machines: for good, or to be started again."""

from __future__ import annotations

from collections.abc import Sequence

from styx.api import NotYet, Owner, Receipt, Unsupported
from styx_aws import leftovers, tags
from styx_aws.errors import done_already, waiting
from styx_aws.observing import GONE, Instance, instances, matching, state_of
from styx_aws.session import Session

_GOING = {"shutting-down", GONE}


def of_attempt(
    session: Session, region: str, installation: str, owner: Owner, receipts: Sequence[Receipt]
) -> list[Instance]:
    """The machines of an attempt, found by tag; and those that a receipt names, by the token that they were made with.

    A receipt alone is no licence: it may be wrong, and tags that name somebody else count more. But tags can be lost.
    """
    found = instances(session, region, installation, [owner])
    listed = {str(each["InstanceId"]) for each in found}
    missing = {id_ for receipt in receipts for id_ in receipt.node_ids.values()} - listed
    if missing:
        tokens = {receipt.token for receipt in receipts}
        # A filter, for ids that are not known yet, or any more, are an error elsewhere.
        for each in matching(session, region, [{"Name": "instance-id", "Values": sorted(missing)}]):
            if each.get("ClientToken") in tokens and Owner.from_tags(tags.read(each)) in {None, owner}:
                found.append(each)
    return found


def terminate(session: Session, region: str, installation: str, owner: Owner, receipts: Sequence[Receipt]) -> None:
    """Remove the machines, and what is left of them once they are gone. See the contract: called again until all is."""
    found = of_attempt(session, region, installation, owner, receipts)
    living = [str(each["InstanceId"]) for each in found if state_of(each) not in _GOING]
    if living:
        with done_already("InvalidInstanceID.NotFound"):  # one has gone meanwhile: the next call looks again
            session.call("ec2:TerminateInstances", region, InstanceIds=living)
    elif all(state_of(each) == GONE for each in found):
        leftovers.remove(session, region, installation, owner)


def stop(session: Session, region: str, installation: str, owner: Owner, receipts: Sequence[Receipt]) -> None:
    """Stop the machines that run. Raises Unsupported for spot, and NotYet for those that are still starting."""
    found = [
        each
        for each in of_attempt(session, region, installation, owner, receipts)
        if state_of(each) in {"pending", "running"}
    ]
    if not found:
        return
    require_stoppable(found)
    if any(state_of(each) == "pending" for each in found):
        raise NotYet(2.0, "machines to have started")
    with waiting("machines to have started", "IncorrectInstanceState"):
        session.call("ec2:StopInstances", region, InstanceIds=[str(each["InstanceId"]) for each in found])


def is_spot(instance: Instance) -> bool:
    """Whether it was bought at a spot price."""
    return instance.get("InstanceLifecycle") == "spot"


def require_stoppable(found: Sequence[Instance]) -> None:
    """Raise Unsupported where one is a spot machine: bought by a one-time request, it has an end and no pause."""
    for each in found:
        if is_spot(each):
            raise Unsupported(
                f"{each['InstanceId']} is a spot machine, which cannot be stopped", capability="stop",
                hint="`styx down` removes it; autostop with --down does so by itself.",
            )  # fmt: skip
