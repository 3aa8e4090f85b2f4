"""Errors as answers: every class has a status, and a client makes the same error again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from styx.api import errors
from styx.api.errors import StyxError, from_wire
from styx.client import refusals
from styx.client.refusals import TooManyRequests
from styx.server.problems import answer, problem_of, status_of, unexpected


def classes(kind: type[StyxError] = StyxError) -> Iterator[type[StyxError]]:
    """All that are known."""
    yield kind
    for each in kind.__subclasses__():
        yield from classes(each)


@pytest.mark.parametrize("kind", sorted(set(classes()), key=lambda kind: kind.code), ids=lambda kind: kind.code)
def test_every_error_crosses_the_wire(kind: type[StyxError]) -> None:
    """Class, message, hint, details and exit code are the same on the other side; no status is a success."""
    error = kind("what happened", hint="What to do.", **{kind.fields[0]: 1} if kind.fields else {})
    found = json.loads(answer(error, "abc").body)
    again = from_wire({**found, "message": found["detail"]})
    assert (type(again).code, again.message, again.hint, again.details) == (
        error.code, error.message, error.hint, error.details
    )  # fmt: skip
    assert again.exit_code == error.exit_code
    assert 400 <= found["status"] == status_of(error) < 600
    assert found["request"] == "abc"


@pytest.mark.parametrize(("error", "status"), [
    (errors.BadInput("x"), 400), (errors.InvalidTask("x"), 400), (errors.ClusterNotFound("x"), 404),
    (errors.JobNotFound("x"), 404), (errors.ClusterBusy("x"), 409), (errors.ClusterNotUp("x"), 409),
    (errors.NoOffer("x"), 409), (errors.InsufficientCapacity("x"), 409), (errors.AuthFailed("x"), 424),
    (errors.StoreError("x"), 503), (errors.RateLimited("x"), 429), (errors.PluginError("x"), 424),
    (errors.HostKeyChanged("x"), 502), (refusals.NoRoom("x"), 507), (refusals.InvalidBody("x"), 422),
])  # fmt: skip
def test_statuses(error: StyxError, status: int) -> None:
    """By class, or by that of the nearest base."""
    assert status_of(error) == status


def test_who_is_to_wait_is_told_for_how_long() -> None:
    """In whole seconds, and at least one."""
    assert answer(TooManyRequests("x", retry_after=0.2), "").headers["retry-after"] == "1"
    assert answer(TooManyRequests("x", retry_after=7.4), "").headers["retry-after"] == "7"
    assert answer(errors.StoreError("x"), "").headers["retry-after"] == "2"
    assert answer(refusals.TooLarge("x"), "").headers["connection"] == "close"


def test_what_nobody_thought_of_tells_nothing_of_itself() -> None:
    """But where to look."""
    made = unexpected("abc")
    assert made.status_code == 500
    assert "abc" in json.loads(made.body)["hint"]
    assert problem_of(errors.BadInput("x"), "abc").type == "urn:styx:error:bad_input"
