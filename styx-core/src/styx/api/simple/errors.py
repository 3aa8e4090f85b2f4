"""From a provider's errors to those of the contract, by a table that its plugin writes.

The difference that matters is what was done. A request that never left is ``Transient``: core sends it again. One that
left and was not answered is ``OutcomeUnknown`` if it would have changed something: a machine may run. An answer that
says no is a refusal, and its class decides whether core looks elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType

from styx.api.errors import (
    AuthFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    NotYet,
    OutcomeUnknown,
    PermissionDenied,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    StyxError,
    Transient,
)

# What makes the contract's error of the provider's own sentence: its class, or a function that fills its fields.
Maker = Callable[[str], ProviderError]
# By the class of an exception, by HTTP status, or by the code that the provider's answer names.
ErrorMap = Mapping[type[BaseException] | int | str, Maker]

STATUSES: Mapping[int, Maker] = {
    401: AuthFailed,
    402: lambda said: QuotaExceeded(said, resource="credit"),
    403: PermissionDenied,
    404: NotFound,
    408: Transient,  # the server did not get the whole request
    409: Conflict,
    410: NotFound,
    425: Transient,
    429: RateLimited,
}
_SERVER_ERROR = 500


def refusal(
    errors: ErrorMap, status: int, said: str, *, code: str = "", retry_after: str | None = None, writing: bool = True
) -> ProviderError:
    """The contract's error for an HTTP answer that is not a success.

    What ``errors`` has for the code counts before what it has for the status, and that before the general table. A
    server error that neither knows is ``OutcomeUnknown`` for a request that would have changed something, for a gateway
    may have passed it on; other statuses are ``InvalidRequest``.
    """
    maker = errors.get(code) or errors.get(status) or STATUSES.get(status)
    if maker is None:
        maker = _unanswered(writing) if status >= _SERVER_ERROR else InvalidRequest
    made = maker(said)
    if isinstance(made, RateLimited) and made.retry_after is None:
        made.details["retry_after"] = seconds(retry_after)
    return made


def seconds(retry_after: str | None) -> float | None:
    """How long a ``Retry-After`` header asks us to wait; None where it is missing, a date or nonsense.

    A date is not worth the trouble of two clocks that differ: a refused request costs nothing.
    """
    text = (retry_after or "").strip()
    return float(text) if text.isdecimal() else None


class translated:  # noqa: N801 - reads as what it does
    """``with translated(errors, "creating x", writing=True):`` raises the contract's errors for the provider's own.

    Contract errors come through as they are; what the table does not know and has no HTTP status comes through too when
    ``writing`` is false, and is ``OutcomeUnknown`` else: nobody can say how far the call got. Reading changes nothing,
    so there ``OutcomeUnknown`` becomes ``Transient``.
    """

    def __init__(self, errors: ErrorMap, doing: str, *, writing: bool) -> None:
        self._errors = errors
        self._doing = doing
        self._writing = writing

    def __enter__(self) -> None:
        """Nothing to do before."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise what ``error`` means."""
        if error is None or not isinstance(error, Exception) or isinstance(error, NotYet):
            return
        meaning = error if isinstance(error, StyxError) else self._meaning(error)
        if isinstance(meaning, OutcomeUnknown) and not self._writing:
            meaning = Transient(meaning.message, hint=meaning.hint)
        if meaning is not None and meaning is not error:
            raise meaning from error

    def _meaning(self, error: Exception) -> StyxError | None:
        said = f"{self._doing}: {type(error).__name__}: {error}"
        for kind in type(error).__mro__:
            if kind in self._errors:
                return self._errors[kind](said)
        answer = getattr(error, "response", None)
        status = next((s for s in (getattr(each, "status_code", None) for each in (answer, error)) if s), None)
        if isinstance(status, int):
            headers = getattr(answer, "headers", None) or {}
            return refusal(self._errors, status, said, retry_after=headers.get("Retry-After"), writing=self._writing)
        return OutcomeUnknown(said) if self._writing else None


def _unanswered(writing: bool) -> Maker:
    return OutcomeUnknown if writing else Transient
