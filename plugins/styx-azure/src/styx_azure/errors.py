"""From Azure's errors to those of the contract, for requests that change nothing."""

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

_LOGIN = "`az login` makes some, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET."
_UNAUTHORIZED, _FORBIDDEN, _TIMED_OUT, _TOO_MANY, _SERVER_ERROR = 401, 403, 408, 429, 500


class asking:  # noqa: N801 - reads as what it does
    """``with asking("Microsoft.Compute/skus/read"):`` raises the contract's errors for those of Azure's libraries."""

    def __init__(self, action: str) -> None:
        self._action = action

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Translate what they raised; everything else comes through."""
        if error is None or isinstance(error, StyxError):
            return
        from azure.core.exceptions import AzureError, ClientAuthenticationError, DecodeError, HttpResponseError

        if isinstance(error, DecodeError):
            raise Transient(f"{self._action} has half an answer: {error.message}") from error
        if isinstance(error, HttpResponseError) and error.status_code:
            raise refusal(self._action, error) from error
        if isinstance(error, ClientAuthenticationError):
            raise AuthFailed(f"{self._action} needs credentials: {_first(error)}", hint=_LOGIN) from error
        if isinstance(error, AzureError):
            raise Transient(f"{self._action} has no answer: {_first(error)}") from error


def refusal(action: str, error: Any) -> ProviderError:
    """The contract's error for an answer that says no."""
    status = int(error.status_code)
    told = getattr(error.error, "message", None) or getattr(error, "reason", None) or "nothing more was said"
    said = f"{action} was answered with {status}: {told}"
    if status == _TOO_MANY:
        headers = getattr(error.response, "headers", None) or {}
        return RateLimited(said, retry_after=_seconds(headers.get("Retry-After")))
    if status == _UNAUTHORIZED:
        return AuthFailed(said, hint=_LOGIN)
    if status == _FORBIDDEN:
        hint = f"Allow {action} (the role Reader has it), or name another subscription."
        return PermissionDenied(said, action=action, hint=hint)
    return Transient(said) if status >= _SERVER_ERROR or status == _TIMED_OUT else InvalidRequest(said)


def _first(error: Any) -> str:
    """The first line: the others repeat what was tried."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
