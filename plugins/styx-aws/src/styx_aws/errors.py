"""From botocore's errors to those of the contract, for requests that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
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
from styx.api.simple import ErrorMap, refusal

_BAD_CREDENTIALS = frozenset({
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "RequestExpired", "SignatureDoesNotMatch",
    "UnrecognizedClientException",
})  # fmt: skip
_NOT_ALLOWED = frozenset({
    "AccessDenied", "AccessDeniedException", "OptInRequired", "UnauthorizedOperation",
})  # fmt: skip
_WHO = "`aws sts get-caller-identity` shows whose credentials are in use, if any."
_TOO_MANY = frozenset({
    "EC2ThrottledException", "PriorRequestNotComplete", "RequestLimitExceeded", "SlowDown", "Throttling",
    "ThrottledException", "ThrottlingException", "TooManyRequestsException",
})  # fmt: skip


@contextmanager
def asking(action: str) -> Iterator[None]:
    """Raise the contract's errors for botocore's."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise _refusal(action, error.response) from error
    except ResponseParserError as error:
        raise Transient(f"{action} has half an answer: {error}") from error
    except BotoCoreError as error:
        raise _local(action, error) from error


def _refusal(action: str, response: Any) -> ProviderError:
    """The contract's error for an answer that says no."""
    about, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(about.get("Code", "")), int(meta.get("HTTPStatusCode") or 0)
    said = f"{action} was answered with {code or status}: {about.get('Message') or 'nothing more was said'}"
    errors: ErrorMap = {
        **dict.fromkeys(_BAD_CREDENTIALS, partial(AuthFailed, hint=_WHO)),
        **dict.fromkeys(
            _NOT_ALLOWED, partial(PermissionDenied, action=action, hint=f"Allow {action}, or use other credentials.")
        ),
        **dict.fromkeys(_TOO_MANY, RateLimited),
    }
    retry_after = meta.get("HTTPHeaders", {}).get("retry-after")
    return refusal(errors, status, said, code=code, retry_after=retry_after, writing=False)


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
