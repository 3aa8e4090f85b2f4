"""Why a machine is in the state it is in, by AWS' own codes (``StateReason``), and which launches have failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from styx.api import Cause, InsufficientCapacity, InvalidRequest, ProviderError, QuotaExceeded

_SPOT = "Server.Spot"
_USER = ("Client.UserInitiated",)
_SELF = "Client.InstanceInitiatedShutdown"
# Codes of machines that were accepted and never ran.
_FAILED: Mapping[str, Callable[[str], ProviderError]] = {
    "Server.InsufficientInstanceCapacity": InsufficientCapacity,
    "Server.InternalError": InsufficientCapacity,  # what broke was that machine: there are others
    "Client.VolumeLimitExceeded": lambda said: QuotaExceeded(said, resource="disks"),
    "Client.InvalidSnapshot.NotFound": lambda said: InvalidRequest(said, field="image_id"),
    "Client.InternalError": lambda said: InvalidRequest(
        said, field="disk_size",
        hint="Usually the account encrypts its disks with a key that these credentials may not use.",
    ),
}  # fmt: skip


def _code(instance: Mapping[str, Any]) -> str:
    return str((instance.get("StateReason") or {}).get("Code") or "")


def evidence(instance: Mapping[str, Any]) -> str:
    """AWS' own words for the last change of state; empty where it has none."""
    code = _code(instance)
    message = str((instance.get("StateReason") or {}).get("Message") or code)
    change = str(instance.get("StateTransitionReason") or "")
    if code and code in message:  # then the change of state has only its time to add
        change = change.removeprefix(code).strip()
    return f"{message} {change}" if change.startswith("(") else "; ".join(filter(None, (message, change)))


def cause(instance: Mapping[str, Any]) -> Cause:
    """Who brought it into its state."""
    code, said = _code(instance), evidence(instance)
    if _SPOT in said:  # not always in the code
        return Cause.PREEMPTED
    if code == _SELF:
        return Cause.SELF
    if code.startswith(_USER) or (not code and said.startswith("User initiated")):
        return Cause.USER
    return Cause.PROVIDER if code.startswith("Server.") else Cause.UNKNOWN


def refusal(instance: Mapping[str, Any]) -> ProviderError | None:
    """Why a machine that was accepted never came up; None where nothing says so."""
    meaning = _FAILED.get(_code(instance))
    return None if meaning is None else meaning(f"{instance['InstanceId']}: {evidence(instance)}")
