"""What stands before moto: who asks and may they, what moto does not serve, and the testbed's own addresses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

from moto.core import responses
from moto.core.utils import convert_to_flask_response, method_names_from_class
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends

from styx_aws.testbed import images, prices
from styx_aws.testbed.asked import Asked
from styx_aws.testbed.bed import Bed, Call
from styx_aws.testbed.control import Misuse, control
from styx_aws.testbed.ec2 import Ec2
from styx_aws.testbed.habits import ACCOUNTS
from styx_aws.testbed.sts import Sts

OWN = "/_testbed/"
_UNKNOWN = {  # an access key that no account has
    "ec2": ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
    "s3": ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
    "ssm": ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
    "pricing": ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
}
_TAKEN = (
    "BucketAlreadyExists",
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system.",
    409,
)
_WOULD = ("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
_NO_KEY = ("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
_EXPIRED = {
    "ec2": ("RequestExpired", "Request has expired.", 400),
    "ssm": ("ExpiredTokenException", "The security token included in the request is expired", 400),
    "pricing": ("ExpiredTokenException", "The security token included in the request is expired", 400),
}
_NO_TIME = ("ExpiredToken", "The security token included in the request is expired", 400)
_DENIED = {"ec2": "UnauthorizedOperation", "ssm": "AccessDeniedException", "pricing": "AccessDeniedException"}
_ONE_ADDRESS = frozenset({"ec2", "iam", "ssm", "sts"})  # services all whose requests go to one path
_FREE = frozenset({"sts:GetCallerIdentity"})  # needs no permission

# It looks at hundreds of methods, for each request.
setattr(responses, "method_names_from_class", cache(method_names_from_class))  # noqa: B010 - no name of that module

Start = Callable[[str, list[tuple[str, str]]], Any]


class Front:
    """The WSGI application of a testbed."""

    def __init__(self, bed: Bed, command: Callable[[str, dict[str, Any]], Any] | None = None) -> None:
        Ec2.bed = Sts.bed = bed
        self._bed = bed
        self._command = command or partial(control, bed)
        self._moto = DomainDispatcherApplication(_application)

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """One request."""
        path = environ.get("PATH_INFO", "/")
        if path.startswith(OWN):
            return _answer(start, *self._own(path.removeprefix(OWN), environ))
        asked = Asked.of(environ)
        if asked is None:
            return self._forwarded(environ, start)
        with self._bed.lock:
            account = ACCOUNTS.get(asked.key) or self._bed.handed_out.get(asked.key, "")
            self._bed.calls.append(Call(account, asked.region, asked.action))
            if refusal := self._refusal(asked, account) or _taken(asked, account) or _rehearsed(asked):
                return _answer(start, *asked.says_no(*refusal))
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        if asked.action == "pricing:GetProducts":
            return _answer(start, 200, "application/x-amz-json-1.1", self._products(asked))
        if asked.service == "ssm":
            machines = self._bed.machines
            for name in (asked.words.get("Name"), *asked.words.get("Names", ())):
                images.provide(str(name), account, asked.region, "" if machines is None else machines.user)
        return self._forwarded(environ, start, asked.service)

    def _forwarded(self, environ: dict[str, Any], start: Start, service: str = "") -> Iterable[bytes]:
        # Moto's own dispatcher looks through all its services for each request.
        answers = _application(service) if service in _ONE_ADDRESS else self._moto
        content: Iterable[bytes] = answers(environ, start)
        return content

    def _refusal(self, asked: Asked, account: str) -> tuple[str, str, int] | None:
        habits = self._bed.habits
        if not account:
            return _UNKNOWN.get(asked.service, _NO_KEY)
        if asked.key in habits.expired:
            return _EXPIRED.get(asked.service, _NO_TIME)
        if asked.region in habits.regions_off and asked.service in ("ec2", "ssm", "sts"):
            return _UNKNOWN.get(asked.service, _NO_KEY)  # nobody's keys are known there
        denied = asked.action in habits.denied
        if (denied or asked.action not in (habits.allowed or {asked.action})) and asked.action not in _FREE:
            said = (
                f"User: arn:aws:iam::{account}:user/styx is not authorized to perform: {asked.action} because no "
                f"identity-based policy allows the {asked.action} action"
            )
            return _DENIED.get(asked.service, "AccessDenied"), said, 403
        if asked.action in ("ec2:RunInstances", "ec2:StartInstances"):
            return None  # they are refused when their type and zone are known
        refusal = habits.refusal(asked.action, asked.region)
        return (refusal.code, refusal.message, refusal.status) if refusal else None

    def _products(self, asked: Asked) -> bytes:
        listed = prices.products(asked.words.get("Filters", ()))
        start = int(asked.words.get("NextToken") or 0)
        size = min(int(asked.words.get("MaxResults") or 100), self._bed.habits.page)
        more = str(start + size) if start + size < len(listed) else ""
        page = {"FormatVersion": "aws_v1", "PriceList": listed[start : start + size], "NextToken": more}
        return json.dumps(page).encode()

    def _own(self, name: str, environ: dict[str, Any]) -> tuple[int, str, bytes]:
        if name == "address":
            return 200, "text/plain", f"{self._address(environ)}\n".encode()
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            said = self._command(name, json.loads(body or b"{}"))
        except json.JSONDecodeError as error:
            return 400, "text/plain", f"what is sent is no JSON: {error}\n".encode()
        except Misuse as error:
            return 400, "text/plain", f"{error}\n".encode()
        return 200, "application/json", json.dumps(said, default=str).encode()

    def _address(self, environ: dict[str, Any]) -> str:
        machines, seen = self._bed.machines, str(environ.get("REMOTE_ADDR", "127.0.0.1"))
        if self._bed.habits.address:
            return self._bed.habits.address
        own = machines is not None and seen in (machines.server, "127.0.0.1")
        return machines.client if machines is not None and own else seen


def _rehearsed(asked: Asked) -> tuple[str, str, int] | None:
    """The answer to a dry run that is not denied."""
    return _WOULD if asked.service == "ec2" and asked.words.get("DryRun") == "true" else None


def _taken(asked: Asked, account: str) -> tuple[str, str, int] | None:
    """The refusal of a bucket to be made that another account has: moto denies looking for it, and stops there."""
    if asked.action != "s3:CreateBucket" or asked.words["Bucket"] not in s3_backends.bucket_accounts:
        return None
    _, holder = s3_backends.bucket_accounts[asked.words["Bucket"]]
    return None if holder == account else _TAKEN


@cache
def _application(service: Any) -> Any:
    application = create_backend_app(service)
    for name, ours in (("EC2Response", Ec2), ("TokenResponse", Sts)):
        if f"{name}.dispatch" in application.view_functions:
            application.view_functions[f"{name}.dispatch"] = convert_to_flask_response(ours.dispatch)
    return application


def _answer(start: Start, status: int, kind: str, content: bytes) -> Iterable[bytes]:
    start(f"{status} -", [("Content-Type", kind), ("Content-Length", str(len(content)))])
    return [content]
