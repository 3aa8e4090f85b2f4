"""From botocore's errors to those of the contract: every code of every service that is asked has its meaning here.

What a refusal means goes by its code, then by its HTTP status. What has no answer is ``Transient`` where nothing can
have been done, and else ``OutcomeUnknown``: whether a request changes anything is told by the action's first word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from styx.api import (
    AuthFailed,
    Conflict,
    InsufficientCapacity,
    InvalidConfig,
    InvalidRequest,
    NotFound,
    NotYet,
    OfferGone,
    OutcomeUnknown,
    PermissionDenied,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    StyxError,
    Transient,
    Unsupported,
)
from styx.api.simple import refusal

_READING = re.compile(r"\w+:(Describe|Get|Head|List)")
_MUCH = 400  # characters of AWS' own sentence that are shown
_WHO = "`aws sts get-caller-identity` shows whose credentials are in use, if any."
_RENEW = (
    "`aws sso login` renews credentials of a single sign-on, others are renewed where they came from. "
    "A clock that is wrong looks the same."
)
_PROFILE = "It is named by AWS_PROFILE, or by the setting clouds.aws.profile or storage.s3.profile."
_BUCKET = "`styx storage create s3://NAME` makes a bucket of that name."
_QUOTAS = "The Service Quotas page of the AWS console shows this limit in this region, and raises it on request."
_ONE_REGION = "The id of an image holds in one region: name that one with --infra aws/REGION, or give an SSM parameter."


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that says no."""

    action: str
    region: str
    code: str
    message: str

    @property
    def said(self) -> str:
        """What happened, in one sentence."""
        where = f" in {self.region}" if self.region else ""
        words = self.message.partition("Encoded authorization failure message")[0].strip()
        return f"{self.action}{where} was answered with {self.code}: {words[:_MUCH] or 'nothing more was said'}"


Meaning = Callable[[Refused], ProviderError]


@contextmanager
def asking(action: str, region: str = "") -> Iterator[None]:
    """Raise the contract's errors for botocore's. ``action`` is as policies name it, like ``ec2:RunInstances``."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise _refusal(action, region, error.response) from error
    except ResponseParserError as error:
        raise _unanswered(action)(f"{action} has half an answer: {error}") from error
    except BotoCoreError as error:
        raise _local(action, error) from error


@contextmanager
def done_already(*codes: str) -> Iterator[None]:
    """Take refusals with these codes for success: what was asked for is there, or gone, as it should be."""
    try:
        yield
    except ProviderError as error:
        if code_of(error) not in codes:
            raise


@contextmanager
def waiting(waiting_for: str, *codes: str, after: float = 2.0) -> Iterator[None]:
    """Raise NotYet for refusals with these codes: something has to be known, or to end, first."""
    try:
        yield
    except ProviderError as error:
        if code_of(error) not in codes:
            raise
        raise NotYet(after, waiting_for) from error


def code_of(error: ProviderError) -> str:
    """AWS' own name for what is wrong; empty where it has said nothing."""
    response: Any = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _denied(refused: Refused) -> PermissionDenied:
    """With the action that is denied, which need not be the one that was asked for: tags and roles have their own."""
    named = re.search(r"perform: (\w+:\w+)", refused.message)
    action = named[1] if named else refused.action
    return PermissionDenied(
        refused.said, action=action,
        hint=f"Allow {action}, or use other credentials; `styx check aws --policy` prints all that is needed.",
    )  # fmt: skip


def _quota(refused: Refused) -> QuotaExceeded:
    limit = re.search(r"limit (?:of|is) (\d+)", refused.message)
    return QuotaExceeded(
        refused.said, scope=refused.region or None, hint=_QUOTAS, limit=limit[1] if limit else None,
        resource=_COUNTED.get(refused.code, refused.code.removesuffix("LimitExceeded").removesuffix("Exceeded")),
    )  # fmt: skip


def _rejected(refused: Refused) -> ProviderError:
    """A value that AWS does not take: which field of a task it comes from is told by its words."""
    for words, field in _FIELDS:
        if re.search(words, refused.message):
            return OfferGone(refused.said) if field == "instance_type" else InvalidRequest(refused.said, field=field)
    return InvalidRequest(refused.said)


def _plain(kind: type[ProviderError], **more: Any) -> Meaning:
    return lambda refused: kind(refused.said, **more)


# By what AWS says of the value it does not take: the field of a task, the first that fits.
_FIELDS = (
    (r"(?i)instance ?profile", "identity"),
    (r"architecture|(?i:\bami\b|image ?id)", "image_id"),
    (r"(?i)instance ?type", "instance_type"),
    (r"(?i)volume|snapshot|iops|throughput", "disk_size"),
    (r"(?i)\btag", "labels"),
    (r"(?i)cidr", "admit"),
    (r"(?i)\bport", "ports"),
)
_COUNTED = {
    "MaxSpotInstanceCountExceeded": "vCPUs of spot machines",
    "VcpuLimitExceeded": "vCPUs of machines of this family",
    "InstanceLimitExceeded": "machines",
    "TooManyBuckets": "buckets",
}
_IMAGE = _plain(InvalidRequest, field="image_id", hint=_ONE_REGION)
_GROUPS: tuple[tuple[Meaning, str], ...] = (
    (
        _plain(AuthFailed, hint=_WHO),
        """
        AccountProblem AuthFailure IncompleteSignature InvalidAccessKeyId InvalidClientTokenId InvalidSecurity
        InvalidToken MissingAuthenticationToken MissingAuthenticationTokenException NotSignedUp SignatureDoesNotMatch
        UnrecognizedClientException
        """,
    ),
    (_plain(AuthFailed, hint=_RENEW), "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired"),
    (_plain(AuthFailed, hint="The clock of this machine is wrong: set it."), "RequestTimeTooSkewed"),
    (
        _denied,
        """
        AccessDenied AccessDeniedException AuthFailure.ServiceLinkedRoleCreationNotPermitted Blocked OptInRequired
        UnauthorizedOperation
        """,
    ),
    (
        _plain(PermissionDenied, hint="It is protected from being stopped or removed; whoever did that knows why."),
        "OperationNotPermitted",
    ),
    (
        _plain(RateLimited),
        """
        EC2ThrottledException PriorRequestNotComplete RequestLimitExceeded SlowDown Throttling ThrottledException
        ThrottlingException TooManyRequestsException
        """,
    ),
    (
        _plain(InsufficientCapacity),
        """
        InsufficientAddressCapacity InsufficientCapacity InsufficientCapacityOnHost InsufficientFreeAddressesInSubnet
        InsufficientHostCapacity InsufficientInstanceCapacity InsufficientReservedInstanceCapacity
        InsufficientVolumeCapacity ReservationCapacityExceeded SpotMaxPriceTooLow
        """,
    ),
    (_quota, "MaxSpotInstanceCountExceeded PendingVerification ResourceCountExceeded TooManyBuckets"),
    (_plain(OfferGone), "InvalidInstanceType Unsupported UnsupportedInstanceType"),
    (_plain(Unsupported), "UnsupportedOperation"),
    (_IMAGE, "InvalidAMIID.Malformed InvalidAMIID.NotFound InvalidAMIID.Unavailable"),
    (_plain(InvalidRequest, field="labels"), "InvalidTagKey.Malformed TagLimitExceeded"),
    (_plain(InvalidRequest, field="disk_size"), "InvalidBlockDeviceMapping"),
    (_plain(InvalidRequest, field="bucket"), "InvalidBucketName"),
    (_plain(InvalidRequest, hint="The object is in an archive: restore it there first."), "InvalidObjectState"),
    (_plain(Conflict), "IdempotentParameterMismatch"),
    (_plain(NotFound), "IdempotentInstanceTerminated ParameterNotFound"),
    (_plain(NotFound, hint=_BUCKET), "NoSuchBucket"),
    (
        _plain(Transient),  # where it is known what has to end first, that is waited for
        """
        DependencyViolation IncorrectInstanceState IncorrectState InvalidGroup.InUse InvalidPlacementGroup.InUse
        OperationAborted RequestTimeout VolumeInUse
        """,
    ),
)
_MEANINGS: Mapping[str, Meaning] = {code: meaning for meaning, codes in _GROUPS for code in codes.split()}
_ENDINGS: tuple[tuple[str, Meaning], ...] = (  # of codes that AWS makes by this rule
    ("LimitExceeded", _quota),
    ("NotFound", _plain(NotFound)),
    (".Unknown", _plain(NotFound)),
)


def _refusal(action: str, region: str, response: Any) -> ProviderError:
    """The contract's error for an answer that says no."""
    about, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode") or 0)
    refused = Refused(action, region, str(about.get("Code") or status), str(about.get("Message") or ""))
    by_ending = (meaning for ending, meaning in _ENDINGS if refused.code.endswith(ending))
    meaning = _MEANINGS.get(refused.code) or next(by_ending, None)
    errors: dict[type[BaseException] | int | str, Callable[[str], ProviderError]] = {
        400: lambda _: _rejected(refused),
        403: lambda _: _denied(refused),
    }
    if meaning is not None:
        errors[refused.code] = lambda _: meaning(refused)
    retry_after = meta.get("HTTPHeaders", {}).get("retry-after")
    writing = not _READING.match(action)
    return refusal(errors, status, refused.said, code=refused.code, retry_after=retry_after, writing=writing)


def _local(action: str, error: Exception) -> StyxError:
    """The contract's error for a request without an answer, or that was never sent."""
    from botocore import exceptions as botocore

    if isinstance(error, botocore.ProfileNotFound):
        return InvalidConfig(str(error), hint=_PROFILE)
    renewable = (
        botocore.CredentialRetrievalError, botocore.TokenRetrievalError, botocore.SSOError, botocore.NoAuthTokenError,
    )  # fmt: skip
    if isinstance(error, renewable):
        return AuthFailed(f"{action} needs credentials: {error}", hint=_RENEW)
    if isinstance(error, botocore.NoCredentialsError | botocore.PartialCredentialsError):
        return AuthFailed(f"{action} needs credentials: {error}", hint="`aws configure` or AWS_PROFILE names some.")
    if isinstance(error, botocore.ConnectionError):  # no connection: nothing was sent
        return Transient(f"{action} has no answer: {error}")
    if isinstance(error, botocore.HTTPClientError):
        return _unanswered(action)(f"{action} has no answer: {error}")
    return InvalidRequest(f"{action} cannot be sent: {error}")


def _unanswered(action: str) -> type[ProviderError]:
    return Transient if _READING.match(action) else OutcomeUnknown
