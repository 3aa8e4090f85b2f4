"""The idle clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.agent.autostop import FIRST_JOB, JOBS, LAST_WORDS, SSH, Autostop


def policy(minutes: int = 10, wait_for: str = "jobs_and_ssh", down: bool = False) -> dict[str, object]:
    """A policy as it comes over the wire."""
    return {"idle_minutes": minutes, "down": down, "wait_for": wait_for}


def test_without_a_policy_nothing_is_ever_due() -> None:
    """No policy, no idleness, and touching it does nothing."""
    clock = Autostop()
    clock.touch(5.0)
    assert (clock.policy, clock.idle_seconds(1e9), clock.due(1e9)) == (None, 0.0, False)


def test_it_is_due_after_the_idle_minutes() -> None:
    """Not a second earlier."""
    clock = Autostop()
    clock.set(policy(10), 1000.0)
    assert not clock.due(1599.0)
    assert clock.due(1600.0)
    assert clock.idle_seconds(1600.0) == 600.0


def test_work_starts_the_clock_again() -> None:
    """Idleness is counted from the last work."""
    clock = Autostop()
    clock.set(policy(10), 1000.0)
    clock.touch(1500.0)
    assert clock.idle_seconds(1510.0) == 10.0
    assert not clock.due(2099.0)
    assert clock.due(2100.0)


def test_setting_starts_the_clock_again() -> None:
    """A policy set anew counts from then, even when it is the same."""
    clock = Autostop()
    clock.set(policy(10), 1000.0)
    clock.set(policy(10), 1599.0)
    assert not clock.due(1600.0)


def test_clearing_ends_it() -> None:
    """A cleared policy is never due."""
    clock = Autostop()
    clock.set(policy(1), 0.0)
    clock.clear()
    assert not clock.due(1e9)


@pytest.mark.parametrize(
    ("wait_for", "counts"),
    [("jobs_and_ssh", {JOBS, SSH}), ("jobs", {JOBS}), ("none", set())],
)
def test_only_what_is_waited_for_counts(wait_for: str, counts: set[str]) -> None:
    """Sessions keep a cluster up only under jobs_and_ssh, jobs also under jobs, and nothing does under none."""
    for what in (JOBS, SSH):
        clock = Autostop()
        clock.set(policy(10, wait_for), 0.0)
        clock.touch(599.0, what)
        assert clock.waits_for(what) is (what in counts)
        assert clock.due(600.0) is (what not in counts)


def test_who_waits_for_nothing_expects_no_first_job() -> None:
    """At once is nearly at once then: whoever follows the last job still sees its end."""
    clock = Autostop()
    clock.set(policy(0, "none"), 0.0)
    assert not clock.due(LAST_WORDS - 1)
    assert clock.due(LAST_WORDS)


def test_at_once_leaves_time_for_the_first_job() -> None:
    """With no idle minutes, the job that the policy was set for can still be submitted."""
    clock = Autostop()
    clock.set(policy(0), 0.0)
    assert not clock.due(FIRST_JOB - 1)
    assert clock.due(FIRST_JOB)


def test_at_once_leaves_time_to_read_the_end_of_the_last_job() -> None:
    """With no idle minutes, whoever follows the last job sees how it ended."""
    clock = Autostop()
    clock.set(policy(0), 0.0)
    clock.touch(3.0)
    assert not clock.due(3.0 + LAST_WORDS - 0.1)
    assert clock.due(3.0 + LAST_WORDS)


def test_a_restarted_agent_counts_on() -> None:
    """What was stored is taken up where it was left."""
    clock = Autostop()
    clock.restore(policy(1), since=100.0, used=True)
    assert clock.idle_seconds(150.0) == 50.0
    assert clock.due(160.0)


def test_a_policy_is_kept_as_it_was_said() -> None:
    """``autostop.get`` answers what ``autostop.set`` was given."""
    clock = Autostop()
    clock.set({**policy(7, "jobs", down=True), "extra": 1}, 0.0)
    assert clock.policy == policy(7, "jobs", down=True)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from([JOBS, SSH])), max_size=20), st.floats(0, 1e6))
def test_idleness_is_counted_from_the_latest_touch(touches: list[tuple[float, str]], now: float) -> None:
    """Touches in any order: the latest counts, and idleness is never negative."""
    clock = Autostop()
    clock.set(policy(), 0.0)
    for at, what in touches:
        clock.touch(at, what)
    latest = max([at for at, _ in touches], default=0.0)
    assert clock.idle_seconds(now) == max(0.0, now - latest)
