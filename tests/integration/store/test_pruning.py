"""Forgetting while others work: nobody waits for long, and nothing goes that should not."""

from __future__ import annotations

from datetime import timedelta

from styx.store import Store
from styx.store.access import AuditEntry
from styx.store.managed import JobQuery
from support.crowd import crowd
from support.job_records import new_job, serve

FORGET = """
from datetime import timedelta
from styx.store import Store
from styx.store.managed import Limits, ManagedState as S
store = Store.open(ARGS["url"])
me, limits = f"s{NUMBER}", Limits(at_once=1000)
ready()
if NUMBER < 2:  # both forget the same
    before = store.now() + timedelta(hours=1)
    while store.jobs.counts():
        for forget in (store.pruning.answers, store.pruning.audit, store.pruning.jobs):
            after = 0
            while after is not None:
                after = forget(before, after)
    answer(0)
else:
    longest = 0.0
    while store.jobs.counts():
        for job in store.jobs.admit(me, limits):
            began = time.monotonic()
            job = store.jobs.own(job.id, me)
            store.jobs.move(job.id, job.epoch, S.RUNNING)
            store.answers.begin("ada", f"{job.id}", "f", "s")
            for need in job.needs:
                store.jobs.get(need)  # whose outputs it is given
            store.jobs.move(job.id, job.epoch, S.SUCCEEDED)
            longest = max(longest, time.monotonic() - began)
    answer(longest)
"""


def test_two_forget_while_two_work(store: Store, url: str) -> None:
    """Jobs that are given the outputs of others always find them, and at the end only the last job is left."""
    for n in range(4):
        serve(store, f"s{n}", expires_at=store.now() + timedelta(hours=1))
    for n in range(300):
        store.audit.add(AuditEntry(0, store.now(), "ada", "t", "::1", "POST", "/", 200, "r"))
        store.answers.begin("eve", str(n), "f", "s")
    for chain in range(8):
        store.jobs.submit([new_job(f"{chain}/{n}", needs=(n - 1,) if n else ()) for n in range(6)])
    last = store.jobs.page(JobQuery(limit=1))[0].id
    waited = crowd(4, FORGET, {"url": url})
    after: int | None = 0
    while after is not None:
        after = store.pruning.jobs(store.now() + timedelta(hours=1), after)
    assert [job.id for job in store.jobs.page(JobQuery())] == [last]
    assert len(store.audit.page(limit=1000)) == 1
    assert max(waited) < 5.0
