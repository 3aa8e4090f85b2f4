"""From Google's errors to those of the contract, for requests that change nothing."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from styx.api import (
    AuthFailed,
    InvalidRequest,
    PermissionDenied,
    ProviderError,
    RateLimited,
    StyxError,
    Transient,
)
from styx.api.simple import ErrorMap

_LOGIN = "`gcloud auth application-default login` makes some, or GOOGLE_APPLICATION_CREDENTIALS names a file with some."
_TOO_MANY = frozenset({"quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded"})  # said with 403
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY_STATUS, _SERVER_ERROR = 401, 403, 429, 500

LISTING = "cloudbilling.skus.list"
# By status: what the Cloud Billing API answers. A key that is wrong is a bad request to it.
BILLING: ErrorMap = {
    400: lambda said: AuthFailed(said, hint="Is clouds.gcp.api_key a key of a project with the Cloud Billing API?"),
    401: lambda said: AuthFailed(said, hint=_LOGIN),
    403: lambda said: PermissionDenied(said, action=LISTING, hint="Enable the Cloud Billing API in the project."),
}


class asking:  # noqa: N801 - reads as what it does
    """``with asking("compute.machineTypes.list"):`` raises the contract's errors for those of Google's libraries."""

    def __init__(self, action: str) -> None:
        self._action = action

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Translate what they raised; everything else comes through."""
        if error is None or isinstance(error, StyxError):
            return
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.protobuf.json_format import ParseError
        from requests.exceptions import RequestException

        if isinstance(error, GoogleAPICallError) and error.code:
            raise refusal(self._action, error) from error
        if isinstance(error, ParseError):
            raise Transient(f"{self._action} has half an answer: {error}") from error
        if isinstance(error, GoogleAPICallError | RetryError | RequestException | TransportError):
            raise Transient(f"{self._action} has no answer: {error}") from error
        if isinstance(error, GoogleAuthError):
            raise AuthFailed(f"{self._action} needs credentials: {error}", hint=_LOGIN) from error


def refusal(action: str, error: Any) -> ProviderError:
    """The contract's error for an answer that says no."""
    status = int(error.code)
    said = f"{action} was answered with {status}: {str(error.message).partition(': ')[2] or error.message}"
    reasons = {each.get("reason") for each in error.errors or () if isinstance(each, dict)}
    if status == _TOO_MANY_STATUS or reasons & _TOO_MANY:
        headers = getattr(error.response, "headers", None) or {}
        return RateLimited(said, retry_after=_seconds(headers.get("Retry-After")))
    if status == _UNAUTHORIZED:
        return AuthFailed(said, hint=_LOGIN)
    if status == _FORBIDDEN:
        hint = f"Allow {action} (the role Compute Viewer has it) and enable the Compute Engine API."
        return PermissionDenied(said, action=action, hint=hint)
    return Transient(said) if status >= _SERVER_ERROR else InvalidRequest(said)


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
