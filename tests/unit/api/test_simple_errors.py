"""From whatever a client raises to the contract's errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import (
    AuthFailed,
    InsufficientCapacity,
    NotYet,
    OutcomeUnknown,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    Transient,
)
from styx.api.simple.errors import ErrorMap, refusal, translated


class ClientError(Exception):
    """What an SDK raises."""


class NoWay(ClientError):
    """Before anything was sent."""


class Answered(Exception):
    """As clients do that keep the answer beside the error."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(f"status {status}")
        self.response = SimpleNamespace(status_code=status, headers=headers)


def raised(error: Exception, errors: ErrorMap, *, writing: bool) -> Exception:
    """What comes out of the block."""
    with pytest.raises(Exception) as caught, translated(errors, "creating x", writing=writing):  # noqa: PT011
        raise error
    return caught.value


def test_the_nearest_class_in_the_table_counts() -> None:
    """A subclass may mean another thing than its base; the sentence says what was being done."""
    errors: ErrorMap = {ClientError: OutcomeUnknown, NoWay: Transient}
    assert type(raised(NoWay("dns"), errors, writing=True)) is Transient
    found = raised(ClientError("cut"), errors, writing=True)
    assert type(found) is OutcomeUnknown
    assert str(found) == "creating x: ClientError: cut"
    assert isinstance(found.__cause__, ClientError)


def test_fields_can_be_filled() -> None:
    """A function in the table makes the error as it likes."""
    found = raised(NoWay("eight"), {NoWay: lambda said: QuotaExceeded(said, resource="gpus", limit=8)}, writing=True)
    assert (found.resource, found.limit) == ("gpus", 8)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "writing", "kind"),
    [
        (Answered(401), True, AuthFailed),
        (Answered(429, **{"Retry-After": "12"}), True, RateLimited),
        (Answered(500), True, OutcomeUnknown),
        (Answered(500), False, Transient),
        (Answered(409), True, InsufficientCapacity),
    ],
)
def test_the_status_of_a_clients_error_is_read(error: Answered, writing: bool, kind: type[ProviderError]) -> None:
    """Errors that carry an HTTP answer need no row of their own."""
    found = raised(error, {409: InsufficientCapacity}, writing=writing)
    assert type(found) is kind
    if isinstance(found, RateLimited):
        assert found.retry_after == 12.0


def test_what_nobody_foresaw_is_unknown_when_it_may_have_bought_something() -> None:
    """And a mistake of the author's, shown as it is, when nothing was at stake."""
    mistake = KeyError("id")
    assert type(raised(mistake, {}, writing=True)) is OutcomeUnknown
    assert raised(mistake, {}, writing=False) is mistake


def test_the_contracts_own_errors_come_through() -> None:
    """With the one exception that a question leaves nothing unknown."""
    for error in (NotYet(3, "a key"), AuthFailed("no"), Transient("no way there")):
        assert raised(error, {}, writing=True) is error
    lost = OutcomeUnknown("no answer", hint="Look.")
    assert raised(lost, {}, writing=True) is lost
    found = raised(lost, {}, writing=False)
    assert (type(found), found.hint) == (Transient, "Look.")  # type: ignore[attr-defined]


@given(st.integers(300, 999), st.booleans(), st.text(), st.one_of(st.none(), st.text(), st.integers().map(str)))
def test_every_answer_means_one_of_the_contracts_errors(
    status: int, writing: bool, code: str, retry_after: str | None
) -> None:
    """Whatever a server sends, a leaf of the tree comes of it, and a question never leaves anything unknown."""
    found: Any = refusal({}, status, "said", code=code, retry_after=retry_after, writing=writing)
    assert isinstance(found, ProviderError)
    assert type(found) is not ProviderError
    assert writing or not isinstance(found, OutcomeUnknown)
    if isinstance(found, RateLimited):
        assert found.retry_after is None or found.retry_after >= 0
