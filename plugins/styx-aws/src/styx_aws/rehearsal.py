"""What EC2 would deny to these credentials, asked by dry runs: it answers that it would, and does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from styx.api import PermissionDenied, ProviderError
from styx_aws import policy
from styx_aws.images import UBUNTU
from styx_aws.session import Session

_CHEAPEST = "t3.nano"  # sold in every region


def denied(session: Session, region: str) -> list[str]:
    """The actions that are denied there: of those that look, and of a launch. What is refused otherwise says nothing.

    A policy that is narrower than ours may deny this launch and allow others, and one with conditions for machines that
    are there allows more, or less, than can be asked for without any.
    """
    found: list[str] = []
    for action, words in _tried(session, region, found):
        _try(session, action, region, found, **words)
    return sorted(set(found))


def _tried(session: Session, region: str, found: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for action in policy.ACTIONS["Look"]:
        if "Describe" in action:
            yield action, {"DryRun": True}
    image = _try(session, "ssm:GetParameter", region, found, Name=UBUNTU.format("amd64"))
    if image is not None:
        owned = {"ResourceType": "instance", "Tags": [{"Key": "styx-installation", "Value": "rehearsal"}]}
        yield "ec2:RunInstances", {
            "ImageId": image["Parameter"]["Value"], "InstanceType": _CHEAPEST, "MinCount": 1, "MaxCount": 1,
            "TagSpecifications": [owned], "DryRun": True,
        }  # fmt: skip


def _try(session: Session, action: str, region: str, found: list[str], **words: Any) -> Mapping[str, Any] | None:
    """The answer; None where there is none, as to every dry run. What is denied is added to what was found."""
    with suppress(ProviderError):
        try:
            return session.call(action, region, **words)
        except PermissionDenied as error:
            found.append(str(error.details["action"]))
    return None
