"""What each of AWS' codes means to core."""

from __future__ import annotations

import pytest
from botocore import exceptions as botocore
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

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
from styx_aws.errors import asking, code_of, done_already, waiting

WRITING, READING = "ec2:RunInstances", "ec2:DescribeInstances"


def refused(code: str, message: str = "No.", status: int = 400, action: str = WRITING, **headers: str) -> StyxError:
    """The contract's error for this answer."""
    meta = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": meta}
    return raised(ClientError(answer, "RunInstances"), action)


def raised(error: Exception, action: str = WRITING) -> StyxError:
    """The contract's error for botocore's."""
    with pytest.raises(StyxError) as caught, asking(action, "eu-west-1"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (
            AuthFailed,
            """
            AuthFailure ExpiredToken ExpiredTokenException IncompleteSignature InvalidAccessKeyId
            InvalidClientTokenId InvalidToken MissingAuthenticationToken RequestExpired SignatureDoesNotMatch
            UnrecognizedClientException
            """,
        ),
        (
            PermissionDenied,
            """
            AccessDenied AccessDeniedException AuthFailure.ServiceLinkedRoleCreationNotPermitted Blocked
            OperationNotPermitted OptInRequired UnauthorizedOperation
            """,
        ),
        (
            RateLimited,
            """
            EC2ThrottledException RequestLimitExceeded SlowDown Throttling ThrottlingException
            TooManyRequestsException
            """,
        ),
        (
            InsufficientCapacity,
            """
            InsufficientAddressCapacity InsufficientCapacity InsufficientCapacityOnHost
            InsufficientFreeAddressesInSubnet InsufficientHostCapacity InsufficientInstanceCapacity
            InsufficientReservedInstanceCapacity InsufficientVolumeCapacity ReservationCapacityExceeded
            SpotMaxPriceTooLow
            """,
        ),
        (
            QuotaExceeded,
            """
            InstanceLimitExceeded InternetGatewayLimitExceeded KeyPairLimitExceeded MaxSpotInstanceCountExceeded
            PendingVerification PlacementGroupLimitExceeded ResourceCountExceeded
            RulesPerSecurityGroupLimitExceeded SecurityGroupLimitExceeded VcpuLimitExceeded VolumeLimitExceeded
            VpcLimitExceeded
            """,
        ),
        (OfferGone, "InvalidInstanceType Unsupported UnsupportedInstanceType"),
        (Unsupported, "UnsupportedOperation"),
        (
            InvalidRequest,
            """
            InvalidAMIID.Malformed InvalidAMIID.NotFound InvalidAMIID.Unavailable InvalidBlockDeviceMapping
            InvalidParameterCombination InvalidParameterValue InvalidTagKey.Malformed MissingParameter
            TagLimitExceeded UnknownParameter ValidationError
            """,
        ),
        (Conflict, "IdempotentParameterMismatch"),
        (
            NotFound,
            """
            IdempotentInstanceTerminated InvalidGroup.NotFound InvalidInstanceID.NotFound
            InvalidKeyPair.NotFound InvalidPlacementGroup.Unknown InvalidSubnetID.NotFound
            InvalidVolume.NotFound NoSuchBucket ParameterNotFound
            """,
        ),
        (
            Transient,
            """
            DependencyViolation IncorrectInstanceState IncorrectState InvalidGroup.InUse
            InvalidPlacementGroup.InUse VolumeInUse
            """,
        ),
    ],
)
def test_codes_have_their_meaning(kind: type[ProviderError], codes: str) -> None:
    """For requests that change something as for those that only look, with the action, the region and AWS' words."""
    for code in codes.split():
        for action in (WRITING, READING):
            error = refused(code, action=action)
            assert type(error) is kind, code
            assert error.message == f"{action} in eu-west-1 was answered with {code}: No."


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthFailed), (403, PermissionDenied), (404, NotFound), (429, RateLimited), (400, InvalidRequest)],
)
def test_answers_without_a_code_go_by_their_status(status: int, kind: type[ProviderError]) -> None:
    """As those of a proxy in between."""
    assert type(refused(str(status), status=status)) is kind


@pytest.mark.parametrize(("code", "status"), [("InternalError", 500), ("Unavailable", 503), ("504", 504)])
def test_a_server_that_fails_may_have_done_it(code: str, status: int) -> None:
    """Where it would have changed something; a question can be asked again."""
    assert type(refused(code, status=status)) is OutcomeUnknown
    assert type(refused(code, status=status, action=READING)) is Transient


def test_no_capacity_is_no_servers_failure() -> None:
    """EC2 answers a sold-out type with the status of a broken server."""
    assert type(refused("InsufficientInstanceCapacity", status=500)) is InsufficientCapacity


@pytest.mark.parametrize(
    "error",
    [
        botocore.ReadTimeoutError(endpoint_url="https://ec2"),
        botocore.ConnectionClosedError(endpoint_url="https://ec2"),
        botocore.HTTPClientError(error="broken pipe"),
        ResponseParserError("not XML"),
    ],
)
def test_a_request_that_went_out_may_have_been_done(error: Exception) -> None:
    """Nobody knows without an answer; what only looks can look again."""
    assert type(raised(error)) is OutcomeUnknown
    assert type(raised(error, READING)) is Transient


@pytest.mark.parametrize(
    "error",
    [
        botocore.EndpointConnectionError(endpoint_url="https://ec2"),
        botocore.ConnectTimeoutError(endpoint_url="https://ec2"),
        botocore.ProxyConnectionError(proxy_url="http://proxy"),
        botocore.SSLError(endpoint_url="https://ec2", error="expired"),
    ],
)
def test_a_request_that_never_left_was_not_done(error: Exception) -> None:
    """It can be made again, whatever it is."""
    assert type(raised(error)) is Transient


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (botocore.NoCredentialsError(), AuthFailed),
        (botocore.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), AuthFailed),
        (botocore.TokenRetrievalError(provider="sso", error_msg="expired"), AuthFailed),
        (botocore.ProfileNotFound(profile="nobody"), InvalidConfig),
        (botocore.ParamValidationError(report="Missing MinCount"), InvalidRequest),
    ],
)
def test_what_is_wrong_on_this_side_is_said(error: Exception, kind: type[StyxError]) -> None:
    """Credentials that are missing, a profile that is not there, and what botocore would not send."""
    assert type(raised(error)) is kind


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", "identity"),
        ("The architecture 'x86_64' of the specified instance type does not match the AMI's 'arm64'", "image_id"),
        ("Volume of size 8GB is smaller than snapshot 'snap-1', expect size >= 20GB", "disk_size"),
        ("Iops to volume size ratio of 700 is too high", "disk_size"),
        ("Tag keys starting with 'aws:' are reserved for internal use", "labels"),
        ("CIDR block 10.0.0.1/8 is malformed", "admit"),
        ("Something else", None),
    ],
)
def test_a_value_that_is_refused_has_its_field(message: str, field: str | None) -> None:
    """Of the task, as far as AWS' words tell."""
    assert refused("InvalidParameterValue", message).field == field


def test_a_type_that_is_not_there_is_an_offer_that_is_gone() -> None:
    """Another offer may well succeed."""
    assert type(refused("InvalidParameterValue", "Invalid value 'm9.huge' for InstanceType.")) is OfferGone


def test_the_action_that_is_denied_is_named() -> None:
    """It need not be the one that was asked for; the riddle that EC2 adds is left out."""
    error = refused(
        "UnauthorizedOperation",
        "You are not authorized to perform this operation. User: arn:aws:iam::1:user/me is not authorized to perform: "
        "ec2:CreateTags on resource: x. Encoded authorization failure message: SGVsbG8",
        403,
    )
    assert error.action == "ec2:CreateTags"
    assert "Allow ec2:CreateTags" in str(error.hint)
    assert "SGVsbG8" not in error.message


def test_a_quota_has_its_limit_and_its_place() -> None:
    """As far as AWS tells."""
    error = refused(
        "VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of 0 allows"
    )
    assert (error.limit, error.scope, error.resource) == ("0", "eu-west-1", "vCPUs of machines of this family")
    assert refused("VpcLimitExceeded").resource == "Vpc"


def test_how_long_to_wait_is_told() -> None:
    """Where AWS says so."""
    assert refused("RequestLimitExceeded", status=503, **{"retry-after": "7"}).retry_after == 7


def test_what_is_done_already_is_success() -> None:
    """For the codes that a place names, and no others."""
    with done_already("InvalidPermission.Duplicate"):
        raise refused_by_aws("InvalidPermission.Duplicate")
    with pytest.raises(InvalidRequest), done_already("InvalidPermission.Duplicate"):
        raise refused_by_aws("InvalidParameterValue")


def test_what_has_to_end_first_is_waited_for() -> None:
    """By core: the same call again, a while later."""
    later = waiting("the machines to go", "DependencyViolation", after=3.0)
    with pytest.raises(NotYet, match="waiting for the machines to go") as caught, later:
        raise refused_by_aws("DependencyViolation")
    assert caught.value.after == 3.0
    with pytest.raises(InvalidRequest), waiting("the machines to go", "DependencyViolation"):
        raise refused_by_aws("InvalidParameterValue")


def refused_by_aws(code: str) -> ProviderError:
    """The error with its cause, as places see it."""
    error = refused(code)
    assert isinstance(error, ProviderError)
    assert code_of(error) == code
    return error
