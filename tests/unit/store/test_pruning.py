"""What is over goes after its time, in batches, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from styx.api.errors import JobNotFound
from styx.store import Store, pruning
from styx.store.access import Answer, AuditEntry, RequestRecord, RequestState, Role, Token, User
from styx.store.answers import Attempt
from styx.store.managed import JobQuery, ManagedState
from support.job_records import ANY, new_job, serve, started
from support.plans import plans
from support.records import NOW, cluster

DAY = timedelta(days=1)
Forget = Callable[[datetime, int], int | None]


def rounds(forget: Forget, before: datetime) -> int:
    """Forget all that may go; in how many batches."""
    count, after = 0, 0
    while (then := forget(before, after)) is not None:
        count, after = count + 1, then
    return count + 1


@pytest.fixture(autouse=True)
def batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that are soon full."""
    monkeypatch.setattr(pruning, "BATCH", 3)


def test_answers_go_in_batches(store: Store, clock: Any) -> None:
    """Those of before go, whoever's they are, and a key whose answer has gone is for the next who asks."""
    for n in range(7):
        store.answers.begin(("ada", "eve")[n % 2], f"k{n}", "f", "")
        clock.advance(60)
    assert rounds(store.pruning.answers, NOW + timedelta(seconds=300)) == 3
    assert isinstance(store.answers.begin("eve", "k5", "f", ""), Attempt)
    assert isinstance(store.answers.begin("ada", "k6", "f", ""), Answer)


def test_tokens_go_when_they_count_no_more(store: Store, clock: Any) -> None:
    """Revoked or expired; not while one is on record that was made by them, and which is revoked when they are."""
    store.users.add(User("ada", Role.ADMIN, NOW))
    makers = {"a": None, "b": "a", "c": "b", "d": None, "e": "d", "f": "a"}
    for (name, maker), days in zip(makers.items(), (9, 9, 9, 1, 1, 9), strict=True):
        expires = NOW + days * DAY
        store.tokens.add(Token(name, "ada", name, "", (), NOW, expires_at=expires, maker=maker))
    store.tokens.revoke("b", alone=True)
    store.tokens.revoke("f")
    clock.advance(2 * DAY.total_seconds())
    assert rounds(store.pruning.tokens, NOW - DAY) == 1
    rounds(store.pruning.tokens, clock())
    rounds(store.pruning.tokens, clock())
    assert [each.id for each in store.tokens.list()] == ["a", "b", "c"]
    store.tokens.revoke("a")
    assert store.tokens.get("c").revoked_at is not None  # type: ignore[union-attr]


def test_requests_go_when_they_have_ended_long_ago(store: Store, clock: Any) -> None:
    """One that is worked on stays, however old, and so does one that has just ended."""
    serve(store, "s")
    for name in ("old", "young", "works", *"abcd"):
        record = RequestRecord(name, "down", "ada", RequestState.RUNNING, clock(), clock(), server="s")
        store.requests.create(record)
    for name in ("old", *"abcd"):
        store.requests.finish(name, store.requests.own(name, "s").epoch, RequestState.SUCCEEDED)
    clock.advance(DAY.total_seconds())
    store.requests.finish("young", store.requests.own("young", "s").epoch, RequestState.FAILED)
    assert rounds(store.pruning.requests, NOW) == 2
    assert {each.id for each in store.requests.page()} == {"young", "works"}


def test_the_audit_log_goes_from_its_beginning(store: Store, clock: Any) -> None:
    """Up to the time, and never to its last entry, whose number would be given twice."""
    for _ in range(8):
        store.audit.add(AuditEntry(0, NOW, "ada", "t", "::1", "POST", "/v1/jobs", 201, "r"))
        clock.advance(60)
    assert rounds(store.pruning.audit, NOW + timedelta(seconds=240)) == 2
    assert [each.id for each in store.audit.page()] == [8, 7, 6]
    rounds(store.pruning.audit, clock())
    assert [each.id for each in store.audit.page()] == [8]


def test_what_happened_to_clusters_goes_after_them(store: Store, clock: Any) -> None:
    """All that is known of one that is there stays."""
    store.clusters.create(cluster("there"))
    for n in range(8):
        store.events.add(("there", "gone")[n % 2], "note", str(n))
    clock.advance(1)
    store.events.add("other", "note", "last")
    rounds(store.pruning.events, clock())
    assert store.events.of("gone") == []
    assert [each.reason for each in store.events.of("there") if each.kind == "note"] == ["0", "2", "4", "6"]
    assert len(store.events.of("other")) == 1


def ended(store: Store, key: str, state: ManagedState = ManagedState.SUCCEEDED) -> int:
    """The number of a job that has just ended."""
    job = started(store, key)
    store.jobs.move(job.id, job.epoch, state)
    return job.id


def test_jobs_go_with_what_happened_to_them(store: Store, clock: Any) -> None:
    """Once they have ended long ago; the last one stays, for its number would be given twice."""
    serve(store, "s")
    old = [ended(store, str(n)) for n in range(7)]
    works = started(store, "works").id
    clock.advance(DAY.total_seconds())
    young = [ended(store, f"young {n}") for n in range(4)]
    assert rounds(store.pruning.jobs, NOW) == 3
    assert {each.id for each in store.jobs.page(JobQuery())} == {works, *young}
    with pytest.raises(JobNotFound):
        store.jobs.events(old[0])
    assert store.pruning.kept([old[0], works, young[0]], None) == {works, young[0]}
    assert store.pruning.kept([old[0], works, young[0]], clock()) == {works}
    rounds(store.pruning.jobs, clock())
    assert {each.id for each in store.jobs.page(JobQuery())} == {works, young[-1]}


def test_a_job_stays_for_those_that_are_given_its_outputs(store: Store, clock: Any) -> None:
    """Until the last of them has ended."""
    serve(store, "s")
    first, second = store.jobs.submit([new_job("first"), new_job("second", needs=(0,))])
    store.jobs.admit("s", ANY)
    job = store.jobs.own(first.id, "s")
    store.jobs.move(job.id, job.epoch, ManagedState.SUCCEEDED, outputs={"loss": "1"})
    clock.advance(DAY.total_seconds())
    rounds(store.pruning.jobs, clock())
    assert store.jobs.get(first.id).outputs == {"loss": "1"}
    store.jobs.admit("s", ANY)
    job = store.jobs.own(second.id, "s")
    store.jobs.move(job.id, job.epoch, ManagedState.FAILED)
    rounds(store.pruning.jobs, clock())
    assert [each.id for each in store.jobs.page(JobQuery())] == [second.id]


def test_nothing_is_scanned_or_sorted_for(store: Store) -> None:
    """However much is kept, a batch is found by an index, in its order."""
    serve(store, "s")
    for n in range(2):
        ended(store, str(n))
    with plans(store) as steps:
        for forget in ("answers", "requests", "audit", "events", "jobs"):
            getattr(store.pruning, forget)(store.now() + DAY, 0)
    assert [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")] == []
