"""The line between boto3 and a world: where every request of a cloud can be tapped, made late, or fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore import exceptions as botocore

from styx.testing.faults import Fault, Role
from styx_aws.session import Session
from styx_aws.testbed.habits import ACCOUNTS

REGIONS = ("us-east-1", "eu-west-1")
_NOWHERE = "http://127.0.0.1:9"  # for clients that are made before there is any world
_BUYS = frozenset({"RunInstances", "StartInstances"})
_LISTS = frozenset({"DescribeInstances"})
_ASKS = ("Describe", "Get", "List")
_CODES: Mapping[Fault, tuple[str, int]] = {
    Fault.THROTTLED: ("RequestLimitExceeded", 503), Fault.EXPIRED: ("RequestExpired", 400),
    Fault.DENIED: ("UnauthorizedOperation", 403), Fault.NO_CAPACITY: ("InsufficientInstanceCapacity", 500),
    Fault.OVER_QUOTA: ("VcpuLimitExceeded", 400), Fault.GONE: ("Unsupported", 400),
    Fault.INVALID: ("InvalidParameterValue", 400),
}  # fmt: skip


def role(operation: str) -> Role:
    """What a request does on the far side."""
    if operation in _BUYS:
        return Role.BUY
    if operation in _LISTS:
        return Role.LIST
    return Role.ASK if operation.startswith(_ASKS) else Role.CHANGE


def refusal(fault: Fault, action: str) -> BaseException:
    """What boto3 raises when this happens to a request."""
    error: BaseException
    if fault is Fault.CUT:
        error = botocore.EndpointConnectionError(endpoint_url=_NOWHERE)
    elif fault not in _CODES:
        error = botocore.ReadTimeoutError(endpoint_url=_NOWHERE)
    else:
        code, status = _CODES[fault]
        said = {"Error": {"Code": code, "Message": str(fault)}, "ResponseMetadata": {"HTTPStatusCode": status}}
        error = botocore.ClientError(said, action.partition(":")[2])
    return error


class Wire(Session):
    """The session of a cloud, whose clients are made once in a process and go to whichever world is set."""

    def __init__(self) -> None:
        super().__init__()
        self.url = _NOWHERE
        self.headers: Mapping[str, str] = {}  # of the testbed's own, for every request
        self._made = {
            (service, region): self._make(service, region) for service in ("ec2", "ssm", "sts") for region in REGIONS
        }

    def client(self, service: str, region: str = "") -> Any:
        """boto3's."""
        return self._made[service, region or REGIONS[0]]

    def clients(self) -> Mapping[tuple[str, str], Any]:
        """All of them, by service and region."""
        return self._made

    def _make(self, service: str, region: str) -> Any:
        import boto3
        from botocore.config import Config

        client = boto3.client(
            service, region, endpoint_url=_NOWHERE, aws_access_key_id=next(iter(ACCOUNTS)), aws_secret_access_key="x",  # noqa: S106
            config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        client.meta.events.register("before-send", self._redirect)
        return client

    def _redirect(self, request: Any, **_: Any) -> None:
        request.url = request.url.replace(_NOWHERE, self.url)
        for name, value in self.headers.items():
            request.headers[name] = value
