"""Bringing stopped machines back, and what a shutdown from inside does to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from styx.api import NotFound, NotYet, Owner, Prepared, Receipt, SelfStop, StartRequest
from styx_aws import tags
from styx_aws.errors import waiting
from styx_aws.observing import GONE, instances, rank_of, state_of
from styx_aws.removing import is_spot, of_attempt, require_stoppable
from styx_aws.session import Session

_BACK = {"pending", "running"}
_LAST = ("LaunchTime", "StateTransitionReason")  # which have the times in them


def prepare_start(session: Session, installation: str, request: StartRequest) -> Prepared:
    """The intent: which machines. When they started and stopped last is part of it, so that every start is another.

    Raises NotFound where one is not there any more.
    """
    region, owner = request.scope.name, request.owner
    found = of_attempt(session, region, installation, owner, request.receipts)
    there = {rank_of(each): each for each in found if state_of(each) not in {GONE, "shutting-down"}}
    missing = [rank for rank in request.ranks if rank not in there]
    if missing:
        raise NotFound(f"{owner.node_name(missing[0])} is no longer there: its disk is gone with it")
    ids = {str(rank): str(there[rank]["InstanceId"]) for rank in request.ranks}
    since = {str(rank): [str(there[rank].get(key, "")) for key in _LAST] for rank in request.ranks}
    payload = {"action": "start", "instances": ids, "since": since}
    return Prepared(owner, request.scope, request.ranks, json.dumps(payload, sort_keys=True))


def start(session: Session, installation: str, prepared: Prepared, payload: dict[str, Any]) -> Receipt:
    """Start what is stopped; what runs already is started. Raises NotYet for those that are still stopping."""
    region, owner = prepared.scope.name, prepared.owner
    ids: list[str] = list(payload["instances"].values())
    found = {str(each["InstanceId"]): each for each in instances(session, region, installation, [owner], ids=ids)}
    gone = [id_ for id_ in ids if id_ not in found or state_of(found[id_]) in {GONE, "shutting-down"}]
    if gone:
        raise NotFound(f"{gone[0]} of {owner.name} is no longer there: its disk is gone with it")
    stopped = [id_ for id_ in ids if state_of(found[id_]) not in _BACK]
    if any(state_of(found[id_]) == "stopping" for id_ in stopped):
        raise NotYet(3.0, "machines to have stopped")
    if stopped:
        _behave(session, region, stopped, SelfStop.STOP)
        with waiting("machines to have stopped", "IncorrectInstanceState"):
            session.call("ec2:StartInstances", region, InstanceIds=stopped)
    prices = [tags.read(each).get(tags.PRICE) for each in found.values()]
    cost = sum((Decimal(price) for price in prices if price), Decimal(0)) if all(prices) else None
    return Receipt(prepared.token, {rank: payload["instances"][str(rank)] for rank in prepared.ranks}, hourly_cost=cost)


def set_shutdown(session: Session, region: str, installation: str, owner: Owner, mode: SelfStop) -> None:
    """Have a shutdown from inside stop, or remove, the machines of the attempt. Idempotent.

    Raises Unsupported where spot machines would have to stop.
    """
    found = [
        each for each in instances(session, region, installation, [owner]) if state_of(each) in {*_BACK, "stopped"}
    ]
    if mode is SelfStop.STOP:
        require_stoppable(found)
    found = [each for each in found if not is_spot(each)]  # which are removed by it anyway
    _behave(session, region, [str(each["InstanceId"]) for each in found], mode)


def _behave(session: Session, region: str, ids: Sequence[str], mode: SelfStop) -> None:
    for id_ in ids:
        session.call(
            "ec2:ModifyInstanceAttribute", region, InstanceId=id_,
            InstanceInitiatedShutdownBehavior={"Value": mode.value},
        )  # fmt: skip
