"""What PostgreSQL makes of questions about managed jobs, with its own statistics of many that have ended."""

from __future__ import annotations

from itertools import product

from sqlalchemy import text

from styx.store import Store
from styx.store.managed import JobQuery, Limits
from support import postgres
from support.job_records import new_job, serve
from support.plans import plans

QUERIES = [
    {},
    {"state": "failed"},
    {"state": "pending"},
    {"ended": True},
    {"ended": False},
    {"user": "user-7"},
    {"user": "user-7", "state": "failed"},
    {"user": "user-7", "ended": False},
    {"name": "train-7"},
    {"group": "array-7"},
    {"pool": "pool-1"},
]


def test_postgresql_goes_through_nothing_that_it_does_not_show(postgres_server: str) -> None:
    """No page, and nothing that servers ask again and again, reads the whole table."""
    with Store.open(postgres.new_database(postgres_server, "styx_plans")) as store:
        serve(store, "s")
        _many_that_have_ended(store)
        store.jobs.submit([new_job("a")])
        with plans(store) as steps:
            for query, oldest_first, after in product(QUERIES, (False, True), (None, 2_000)):
                store.jobs.page(JobQuery(**query, oldest_first=oldest_first, after=after))
            store.jobs.counts()
            store.jobs.under_way("s")
            store.jobs.cancelling("s")
            store.jobs.untold()
            store.jobs.admit("s", Limits(per_user=1, pools={"small": 1}))
            store.jobs.submit([new_job("b")])
    assert len([step for step in steps if "Index" in step]) > len(QUERIES) * 4
    assert [step for step in steps if "Seq Scan on managed_jobs" in step] == []


def _many_that_have_ended(store: Store) -> None:
    store.jobs.submit(
        [
            new_job(str(n), f"train-{n % 100}", user=f"user-{n % 20}", group=f"array-{n // 100}", pool=f"pool-{n % 5}")
            for n in range(4_000)
        ]
    )
    with store._database.write() as connection:
        ended = "UPDATE managed_jobs SET ended = true, state = CASE WHEN id % 10 = 0 THEN 'failed' ELSE 'succeeded' END"
        connection.execute(text(ended))
        connection.execute(text("ANALYZE managed_jobs"))
