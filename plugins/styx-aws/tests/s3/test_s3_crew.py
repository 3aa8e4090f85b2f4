"""Jobs done by several hands."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from functools import partial

import pytest

from styx_aws.s3.crew import Job, work


def test_jobs_that_bring_about_others_are_all_done() -> None:
    """Those of a tree, by hands that would have nothing to do if they did not wait for more."""
    done: list[int] = []

    def job(depth: int) -> Iterable[Job]:
        done.append(depth)
        return [partial(job, depth - 1)] * 3 if depth else []

    work([partial(job, 4)], 8)
    assert sorted(done) == sorted(depth for depth in range(5) for _ in range(3 ** (4 - depth)))


def test_all_hands_work_at_the_same_time() -> None:
    """As many jobs as there are hands wait for each other, which none could alone."""
    together = threading.Barrier(4, timeout=10)

    def job() -> None:
        together.wait()

    work([job] * 8, 4)


def test_a_failure_ends_the_work() -> None:
    """No job is begun after it, and it is raised in the thread that waits."""
    done: list[int] = []

    def jobs() -> Iterator[Job]:
        for number in range(1000):
            yield partial(job, number)

    def job(number: int) -> None:
        done.append(number)
        if number == 3:
            raise ValueError(number)

    with pytest.raises(ValueError, match="3"):
        work(jobs(), 1)
    assert done == [0, 1, 2, 3]


def test_a_list_that_fails_is_a_failure() -> None:
    """What the jobs come from may raise too."""

    def jobs() -> Iterator[Job]:
        yield lambda: None
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        work(jobs(), 4)


def test_nothing_to_do() -> None:
    """No jobs are done at once."""
    work([], 4)
