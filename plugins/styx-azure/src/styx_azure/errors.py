"""From Azure's errors to those of the contract, for requests that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from styx.api import AuthFailed, PermissionDenied, ProviderError, Transient
from styx.api.simple import ErrorMap, refusal

_LOGIN = "`az login` makes some, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET."


@contextmanager
def asking(action: str) -> Iterator[None]:
    """Raise the contract's errors for those of Azure's libraries."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, DecodeError

    try:
        yield
    except DecodeError as error:
        raise Transient(f"{action} has half an answer: {error.message}") from error
    except AzureError as error:
        if getattr(error, "status_code", None):
            raise _refusal(action, error) from error
        if isinstance(error, ClientAuthenticationError):
            raise AuthFailed(f"{action} needs credentials: {_first(error)}", hint=_LOGIN) from error
        raise Transient(f"{action} has no answer: {_first(error)}") from error


def _refusal(action: str, error: Any) -> ProviderError:
    """The contract's error for an answer that says no."""
    told = getattr(error.error, "message", None) or getattr(error, "reason", None) or "nothing more was said"
    said = f"{action} was answered with {error.status_code}: {told}"
    hint = f"Allow {action} (the role Reader has it), or name another subscription."
    errors: ErrorMap = {
        401: partial(AuthFailed, hint=_LOGIN),
        403: partial(PermissionDenied, action=action, hint=hint),
    }
    headers = getattr(error.response, "headers", None) or {}
    return refusal(errors, int(error.status_code), said, retry_after=headers.get("Retry-After"), writing=False)


def _first(error: Any) -> str:
    """The first line: the others repeat what was tried."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
