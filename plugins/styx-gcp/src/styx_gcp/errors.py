"""From Google's errors to those of the contract, for requests that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from styx.api import AuthFailed, PermissionDenied, ProviderError, RateLimited, Transient
from styx.api.simple import ErrorMap, refusal

_LOGIN = "`gcloud auth application-default login` makes some, or GOOGLE_APPLICATION_CREDENTIALS names a file with some."
_TOO_MANY = frozenset({"quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded"})  # said with 403

LISTING = "cloudbilling.skus.list"
# By status: what the Cloud Billing API answers. A key that is wrong is a bad request to it.
BILLING: ErrorMap = {
    400: partial(AuthFailed, hint="Is clouds.gcp.api_key a key of a project with the Cloud Billing API?"),
    401: partial(AuthFailed, hint=_LOGIN),
    403: partial(PermissionDenied, action=LISTING, hint="Enable the Cloud Billing API in the project."),
}


@contextmanager
def asking(action: str) -> Iterator[None]:
    """Raise the contract's errors for those of Google's libraries."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.protobuf.json_format import ParseError
    from requests.exceptions import RequestException

    try:
        yield
    except ParseError as error:
        raise Transient(f"{action} has half an answer: {error}") from error
    except (GoogleAPICallError, RetryError, RequestException, TransportError) as error:
        if getattr(error, "code", None):
            raise _refusal(action, error) from error
        raise Transient(f"{action} has no answer: {error}") from error
    except GoogleAuthError as error:
        raise AuthFailed(f"{action} needs credentials: {error}", hint=_LOGIN) from error


def _refusal(action: str, error: Any) -> ProviderError:
    """The contract's error for an answer that says no."""
    said = f"{action} was answered with {int(error.code)}: {str(error.message).partition(': ')[2] or error.message}"
    hint = f"Allow {action} (the role Compute Viewer has it) and enable the Compute Engine API."
    errors: ErrorMap = {
        401: partial(AuthFailed, hint=_LOGIN),
        403: partial(PermissionDenied, action=action, hint=hint),
        **dict.fromkeys(_TOO_MANY, RateLimited),
    }
    reasons = {each.get("reason") for each in error.errors or () if isinstance(each, dict)}
    headers = getattr(error.response, "headers", None) or {}
    return refusal(
        errors, int(error.code), said, code=next((each for each in _TOO_MANY if each in reasons), ""),
        retry_after=headers.get("Retry-After"), writing=False,
    )  # fmt: skip
