"""What a managed job is asked for: from whom it is, and what cannot be."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from styx.api import BadInput
from styx.jobs.model import JobOptions
from styx.spec import Resources, Task

TASK = Task("t", resources={"job_recovery": {
    "strategy": "EAGER_NEXT_REGION", "max_restarts_on_errors": 3, "recover_on_exit_codes": [33],
}}).run("true")  # fmt: skip


def test_the_task_says_what_the_options_do_not() -> None:
    """An option that was given wins over the task, also where it is the default; where neither speaks that holds."""
    found = JobOptions(max_restarts=0).settled(TASK.spec)
    assert (found.strategy, found.max_restarts, found.restart_exit_codes) == ("eager_next_region", 0, (33,))
    plain = JobOptions().settled(Task("t").run("true").spec)
    assert (plain.strategy, plain.max_restarts, plain.restart_exit_codes, plain.priority) == ("failover", 0, (), 500)
    assert JobOptions().settled(Task("t", resources=Resources(priority=7)).run("x").spec).priority == 7


def test_what_is_kept_is_read_back() -> None:
    """As JSON, without what says nothing; unknown fields, which a later version wrote, are passed over."""
    options = JobOptions(timeout=1.5, max_hourly_cost=Decimal("2.50"), on_failure=("https://a.example/",), pool="p")
    data = json.loads(json.dumps(options.to_data()))
    assert data == {"timeout": 1.5, "max_hourly_cost": "2.50", "on_failure": ["https://a.example/"], "pool": "p"}
    assert JobOptions.from_data({**data, "later": 1}) == options


@pytest.mark.parametrize(
    "options",
    [
        JobOptions(priority=1001),
        JobOptions(max_restarts=-1),
        JobOptions(timeout=-1.0),
        JobOptions(timeout=float("nan")),
        JobOptions(on_success=("ftp://a.example/",)),
        JobOptions(on_success=("https://a.example/",) * 5, on_failure=("https://b.example/",) * 6),
    ],
)
def test_what_cannot_be_is_refused_when_the_job_is_handed_in(options: JobOptions) -> None:
    """Before there is a job."""
    with pytest.raises(BadInput):
        options.settled(Task("t").run("true").spec)
