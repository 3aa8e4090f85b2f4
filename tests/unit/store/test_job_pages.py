"""Pages of managed jobs: what can be listed is found by an index, and what cannot is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import pytest

from styx.api.errors import BadInput, JobNotFound
from styx.store import Store
from styx.store.managed import JobQuery, Limits, ManagedState
from support.job_records import ANY, new_job, serve, started
from support.plans import plans

FILTERS: dict[str, Any] = {
    "state": "failed", "user": "ada", "name": "train", "group": "g", "pool": "small", "ended": False,
}  # fmt: skip
TOGETHER = [("user", "state"), ("user", "ended")]
QUERIES = [
    JobQuery(**{name: FILTERS[name] for name in names})
    for names in [(), *((name,) for name in FILTERS), *TOGETHER]
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_no_page_is_sorted_or_scanned_for(store: Store, query: JobQuery) -> None:
    """Each filter that is allowed has an index in the order of the page, in both directions and from any place on."""
    for oldest_first, after in product((False, True), (None, 7)):
        with plans(store) as steps:
            store.jobs.page(replace(query, oldest_first=oldest_first, after=after))
        (step,) = steps
        plain = query == JobQuery() and after is None
        assert step.startswith("SCAN managed_jobs" if plain else "SEARCH managed_jobs USING"), step


def test_what_has_no_index_is_refused() -> None:
    """Every other pair, and three at once; the error says what goes together."""
    from styx.store.pages import statement

    refused = [pair for pair in combinations(FILTERS, 2) if not any(set(pair) == set(good) for good in TOGETHER)]
    for names in [*refused, ("user", "state", "ended")]:
        with pytest.raises(BadInput, match="at once") as error:
            statement(JobQuery(**{name: FILTERS[name] for name in names}))
        assert "user together with state or ended" in str(error.value.hint)


@pytest.mark.parametrize("wrong", [{"state": "done"}, {"limit": 0}, {"limit": 1001}])
def test_what_makes_no_sense_is_refused(store: Store, wrong: dict[str, Any]) -> None:
    """Unknown states, and pages of nothing or of too much."""
    with pytest.raises(BadInput):
        store.jobs.page(JobQuery(**wrong))


def test_pages_together_are_all_there_is(store: Store) -> None:
    """Each job that agrees with the filters is on one page, in order; the rest on none."""
    serve(store, "s")
    for n in range(12):
        job = started(store, str(n), user=("ada", "eve")[n % 2], pool=("", "small")[n % 3 == 0])
        if n % 4 == 0:
            store.jobs.move(job.id, job.epoch, ManagedState.FAILED)
    everything = store.jobs.page(JobQuery())
    for query, oldest_first in product(QUERIES, (False, True)):
        wanted = [
            job.id
            for job in everything
            if all(getattr(query, name) in (None, getattr(job, name)) for name in FILTERS if name != "ended")
            and query.ended in (None, job.state.ended)
        ]
        seen: list[int] = []
        while page := store.jobs.page(
            replace(query, oldest_first=oldest_first, after=seen[-1] if seen else None, limit=2)
        ):
            seen += [job.id for job in page]
        assert seen == sorted(wanted, reverse=not oldest_first)
    for after in (-(2**70), 0, 2**70):
        assert len(store.jobs.page(JobQuery(after=after))) == (12 if after > 0 else 0)
    assert store.jobs.page(JobQuery(user="a\0\ud800")) == []


def test_a_page_of_large_jobs_ends_early(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the one that fills it, at least one; together such pages are all there is, however it is asked for."""
    monkeypatch.setattr("styx.store.jobs._PIECE", 3)
    jobs = store.jobs.submit([new_job(str(n), task={"run": "x" * (100_000 if n % 5 == 0 else 10)}) for n in range(12)])
    assert store.jobs.part(JobQuery(), 10**9) == ([*reversed(jobs)], False)
    assert store.jobs.part(JobQuery(limit=4), 10**9) == (jobs[:-5:-1], True)
    query, more, pages = JobQuery(oldest_first=True), True, list[list[int]]()
    while more:
        found, more = store.jobs.part(query, 100_000)
        pages.append([job.id for job in found])
        query = replace(query, after=found[-1].id)
    assert pages == [[1], [2, 3, 4, 5, 6], [7, 8, 9, 10, 11], [12]]


def test_whose_jobs_are(store: Store) -> None:
    """Of each that is asked for, once; an unknown one is an error."""
    store.jobs.submit([new_job(str(n), user=("ada", "eve")[n % 2]) for n in range(3)])
    assert store.jobs.owners([3, 1, 2, 2]) == {1: "ada", 2: "eve", 3: "ada"}
    with pytest.raises(JobNotFound, match="no managed job 7"):
        store.jobs.owners([1, 7])


def test_a_brief_page_is_without_what_was_handed_in(store: Store) -> None:
    """All else of each job is there, in the same order."""
    store.jobs.submit([replace(new_job(str(n)), task={"run": str(n)}, options={"timeout": n}) for n in range(3)])
    whole, brief = (store.jobs.page(JobQuery(brief=brief)) for brief in (False, True))
    assert whole[0].task == {"run": "2"}
    assert brief == [replace(job, task={}, options={}) for job in whole]


def test_nothing_that_servers_do_scans_the_jobs(store: Store) -> None:
    """Handing in, starting, moving, cancelling and counting: each finds its rows by an index, however many ended."""
    serve(store, "s")
    serve(store, "dead", expires_at=store.now())
    jobs = store.jobs.submit([new_job(str(n), needs=(0,) if n == 3 else (), user=f"u{n}") for n in range(4)])
    with plans(store) as steps:
        store.jobs.submit([new_job("again", needs=(1,)), new_job("more")])
        store.jobs.admit("s", Limits(at_once=2, per_user=1, pools={"p": 0}))
        job = store.jobs.own(jobs[0].id, "s")
        store.jobs.note(job.id, "x")
        store.jobs.move(job.id, job.epoch, ManagedState.SUCCEEDED)
        store.jobs.cancel([each.id for each in jobs])
        store.jobs.cancelling("s")
        store.jobs.under_way("s")
        store.jobs.at_work("s")
        store.jobs.told([each.id for each in store.jobs.untold()])
        store.jobs.events(job.id)
        store.jobs.state(job.id)
        store.jobs.counts()
        store.servers.take_over("dead", "s")
        store.jobs.admit("s", ANY)
    of_jobs = [step for step in steps if "managed_jobs" in step or "job_events" in step]
    assert len(of_jobs) > 20
    assert [step for step in of_jobs if not step.startswith("SEARCH")] == []
