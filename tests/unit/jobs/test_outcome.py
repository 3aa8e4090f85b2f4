"""Whether a job that failed is started again."""

from __future__ import annotations

import pytest

from styx.jobs.driver import LONGEST_PAUSE, _rest
from styx.jobs.model import JobOptions
from styx.jobs.outcome import Outcome
from styx.spec.model import Retries
from styx.store.managed import ManagedState

FAILED = Outcome(ManagedState.FAILED, "exit code 3", 3, itself=True)
NONE = Retries()


@pytest.mark.parametrize(
    ("options", "retries", "done", "again"),
    [
        (JobOptions(), NONE, 0, False),
        (JobOptions(max_restarts=2), NONE, 1, True),
        (JobOptions(max_restarts=2), NONE, 2, False),
        (JobOptions(restart_exit_codes=(3,)), NONE, 99, True),
        (JobOptions(restart_exit_codes=(4,)), NONE, 0, False),
        (JobOptions(), Retries(1), 0, True),
        (JobOptions(), Retries(1, (3,)), 0, True),
        (JobOptions(), Retries(1, (4,)), 0, False),
        (JobOptions(), Retries(1, (3,)), 1, False),
    ],
)
def test_a_failure_of_its_own_is_tried_again_as_often_as_was_said(
    options: JobOptions, retries: Retries, done: int, again: bool
) -> None:
    """An exit code that is named always is, any other for so many times, or as the task's own retries say."""
    assert FAILED.restarts(options, retries, done) is again


def test_what_was_done_to_it_is_no_failure_of_its_own() -> None:
    """A job that was cancelled on its cluster is not started again."""
    assert not Outcome(ManagedState.CANCELLED).restarts(JobOptions(max_restarts=9), NONE, 0)


def test_an_outcome_is_written_down_and_read_back() -> None:
    """For the step that writes it down may be another server's."""
    outcome = Outcome(ManagedState.FAILED, "why", 3, {"A": "b"}, {"code": "error", "message": "m"})
    assert Outcome.from_data(outcome.to_data()) == outcome


def test_what_fails_again_and_again_waits_longer_and_longer() -> None:
    """The first few starts follow at once; then each comes later, but never by more than a minute."""
    rests = [_rest(times) for times in range(2000)]
    assert rests[:5] == [0.0, 0.0, 0.0, 0.0, 2.0]
    assert rests == sorted(rests)
    assert rests[-1] == LONGEST_PAUSE
