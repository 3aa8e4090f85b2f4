"""From botocore's errors to those of the contract, for requests that change nothing."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from styx.api import (
    AuthFailed,
    InvalidConfig,
    InvalidRequest,
    PermissionDenied,
    ProviderError,
    RateLimited,
    StyxError,
    Transient,
)

_BAD_CREDENTIALS = frozenset({
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "RequestExpired", "SignatureDoesNotMatch",
    "UnrecognizedClientException",
})  # fmt: skip
_NOT_ALLOWED = frozenset({
    "AccessDenied", "AccessDeniedException", "OptInRequired", "UnauthorizedOperation",
})  # fmt: skip
_TOO_MANY = frozenset({
    "EC2ThrottledException", "PriorRequestNotComplete", "RequestLimitExceeded", "SlowDown", "Throttling",
    "ThrottledException", "ThrottlingException", "TooManyRequestsException",
})  # fmt: skip
_SERVER_ERROR = 500
_TOO_MANY_STATUS = 429


class asking:  # noqa: N801 - reads as what it does
    """``with asking("ec2:DescribeRegions"):`` raises the contract's errors for botocore's."""

    def __init__(self, action: str) -> None:
        self._action = action

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Translate what botocore raised; everything else comes through."""
        if error is None or isinstance(error, StyxError):
            return
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        if isinstance(error, ClientError):
            raise refusal(self._action, error.response) from error
        if isinstance(error, ResponseParserError):
            raise Transient(f"{self._action} has half an answer: {error}") from error
        if isinstance(error, BotoCoreError):
            raise _local(self._action, error) from error


def refusal(action: str, response: Any) -> ProviderError:
    """The contract's error for an answer that says no."""
    about, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(about.get("Code", "")), int(meta.get("HTTPStatusCode") or 0)
    said = f"{action} was answered with {code or status}: {about.get('Message') or 'nothing more was said'}"
    if code in _BAD_CREDENTIALS:
        return AuthFailed(said, hint="`aws sts get-caller-identity` shows whose credentials are in use, if any.")
    if code in _NOT_ALLOWED:
        return PermissionDenied(said, action=action, hint=f"Allow {action}, or use other credentials.")
    if code in _TOO_MANY or status == _TOO_MANY_STATUS:
        return RateLimited(said, retry_after=_seconds(meta.get("HTTPHeaders", {}).get("retry-after")))
    if status >= _SERVER_ERROR:
        return Transient(said)
    return InvalidRequest(said)


def _local(action: str, error: Exception) -> StyxError:
    """The contract's error for a request without an answer, or that was never sent."""
    from botocore import exceptions as botocore

    if isinstance(error, botocore.ProfileNotFound):
        return InvalidConfig(str(error), hint="`styx config set clouds.aws.profile NAME` names one.")
    credentials = (
        botocore.NoCredentialsError, botocore.PartialCredentialsError, botocore.CredentialRetrievalError,
        botocore.TokenRetrievalError, botocore.SSOError, botocore.NoAuthTokenError,
    )  # fmt: skip
    if isinstance(error, credentials):
        return AuthFailed(f"{action} needs credentials: {error}", hint="`aws configure` or AWS_PROFILE names some.")
    if isinstance(error, botocore.HTTPClientError | botocore.ConnectionError):
        return Transient(f"{action} has no answer: {error}")
    return InvalidRequest(f"{action} cannot be sent: {error}")


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
