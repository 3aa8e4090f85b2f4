"""Many processes with the same managed jobs: none is started twice, none is lost, no limit is passed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from styx.store import Store
from styx.store.managed import ENDED, UNDER_WAY, JobQuery, ManagedState, NewJob
from support.crowd import crowd
from support.job_records import new_job, serve, started

S = ManagedState
ONCE = """
from styx.store import Store
from styx.store.answers import Attempt
from styx.store.managed import NewJob
store = Store.open(ARGS["url"])
jobs = [NewJob(f"k/{n}", "n", {}, group="g", rank=n, needs=(n - 1,) if n else ()) for n in range(20)]
ready()
made = [job.id for job in store.jobs.submit(jobs)]
mine = [isinstance(store.answers.begin("ada", f"k{n}", "f", ""), Attempt) for n in range(10)]
taken = [dead for dead in ARGS["dead"] if store.servers.take_over(dead, f"s{NUMBER}")]
answer([made, mine, taken, [job.id for job in store.jobs.under_way(f"s{NUMBER}")]])
"""
WORK = """
from styx.store import Store
from styx.store.managed import Limits, ManagedState as S
store = Store.open(ARGS["url"])
me, limits = f"s{NUMBER}", Limits(at_once=4, per_user=5, pools={"small": 2})
ready()
mine, idle = [], 0
while idle < 50:
    admitted = store.jobs.admit(me, limits)
    idle = 0 if admitted else idle + 1
    counts = store.jobs.counts()
    assert sum(counts.get(state, 0) for state in ("starting", "running")) <= 10  # of two users
    for job in admitted:
        job = store.jobs.own(job.id, me)
        store.jobs.move(job.id, job.epoch, S.RUNNING)
        store.jobs.move(job.id, job.epoch, S.SUCCEEDED if job.rank % 10 else S.FAILED)
        mine.append(job.id)
    if not counts:
        break
    if not admitted:
        time.sleep(0.01)
answer(mine)
"""
CANCEL = """
from styx.store import Store
from styx.store.managed import Limits, ManagedState as S, Superseded
store = Store.open(ARGS["url"])
me, ids = f"s{NUMBER}", ARGS["ids"]
ready()
if NUMBER == 0:
    asked = [number for at in range(0, len(ids), 3) for number in store.jobs.cancel(ids[at : at + 3])]
    answer(asked)
else:
    done = []
    for _ in range(len(ids)):
        for job in store.jobs.admit(me, Limits(at_once=2)):
            job = store.jobs.own(job.id, me)
            to = S.CANCELLING if job.cancelling else S.FAILED if job.id % 5 == 0 else S.SUCCEEDED
            done.append(store.jobs.move(job.id, job.epoch, to).id)
            if job.cancelling:
                store.jobs.move(job.id, job.epoch, S.CANCELLED)
    answer(done)
"""


def test_what_all_do_at_once_is_done_once(store: Store, url: str) -> None:
    """Jobs handed in by all are the same, a key is answered by one, and one gets all the work of a dead server."""
    dead = [f"d{n}" for n in range(6)]
    working = [started(store, f"{server}/{n}", server).id for server in dead if serve(store, server) for n in range(3)]
    _four_servers(store)
    for server in dead:
        store.servers.retire(server)
    made, begun, taken, taken_up = zip(*crowd(4, ONCE, {"url": url, "dead": dead}), strict=True)
    assert len({tuple(ids) for ids in made}) == 1
    jobs = store.jobs.page(JobQuery(group="g", oldest_first=True))
    assert [job.id for job in jobs] == sorted(made[0])
    assert [len(job.needs) for job in jobs] == [0] + [1] * 19
    assert [sum(each) for each in zip(*begun, strict=True)] == [1] * 10
    assert sorted(server for servers in taken for server in servers) == dead
    assert sorted(number for numbers in taken_up for number in numbers) == working
    assert {store.jobs.get(number).epoch for number in working} == {2}


def test_every_job_is_started_once_and_limits_hold(store: Store, url: str) -> None:
    """Four servers that start whatever they may never start the same, and what a failure stops is started by none."""
    _four_servers(store)
    for user in "ab":
        store.jobs.submit([new_job(f"{user}{n}", user=user, rank=n, pool=("", "small")[n % 3 == 0]) for n in range(30)])
        store.jobs.submit([new_job(f"{user}/{n}", user=user, rank=n, needs=(n - 1,) if n else ()) for n in range(8)])
    answers = crowd(4, WORK, {"url": url})
    jobs = store.jobs.page(JobQuery(limit=1000))
    assert store.jobs.counts() == {}
    by_state = Counter(job.state for job in jobs)
    assert by_state == {S.SUCCEEDED: 2 * 27, S.FAILED: 2 * (3 + 1), S.CANCELLED: 2 * 7}
    done = Counter(number for answer in answers for number in answer)
    assert set(done.values()) == {1}
    assert set(done) == {job.id for job in jobs if job.state is not S.CANCELLED}


def test_cancelling_while_jobs_start_and_end(store: Store, url: str) -> None:
    """Whoever is quicker, each job ends once and as one thing, and nobody waits for another for ever.

    Ends reach others under every condition, near and far, and groups that end with one of their jobs.
    """
    _four_servers(store)
    jobs = store.jobs.submit([entangled(n) for n in range(60)])
    crowd(4, CANCEL, {"url": url, "ids": [job.id for job in jobs]})
    for job in store.jobs.page(JobQuery(limit=1000)):
        ends = [event for event in store.jobs.events(job.id) if event.to_state in set(ENDED)]
        assert len(ends) == (0 if job.state in UNDER_WAY else 1)
    assert store.jobs.counts().get("pending", 0) == 0


def entangled(number: int) -> NewJob:
    """One of twelve of a group, which comes after some of those before; the group may end with another one of it."""
    at = number % 12
    whens = ("success", "always", "failure")
    ends = number % 24 < 12
    return new_job(
        str(number),
        group=f"g{number // 12}",
        needs=tuple({number - 1 - number % (at or 1), number - at} if at else ()),
        task={"run": "true", "when": whens[number % 3] if at else "success"},
        primary=at == 7 if ends else None,
        grace=0.0 if ends else None,
    )


def _four_servers(store: Store) -> None:
    for n in range(4):
        serve(store, f"s{n}", expires_at=store.now() + timedelta(hours=1))
