"""Managed jobs on several servers that are slow, fall silent for good, or wake up when others have taken their work.

Whatever happens in whatever order: no two of them have a job under one epoch, who was superseded changes nothing, what
has ended never changes, limits hold, and in the end every job has ended.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from styx.api.errors import StoreError
from styx.store import Store
from styx.store.managed import UNDER_WAY, JobQuery, Limits, ManagedJob, ManagedState, Superseded, legal
from support.job_records import ANY, ME, TTL, new_job, serve
from support.records import NOW

S = ManagedState
LIMITS = Limits(at_once=3, per_user=2, pools={"small": 1})
numbers = st.integers(0, 5)
servers = st.integers(0, 2)
moves = st.sampled_from([S.RUNNING, S.RECOVERING, S.SUCCEEDED, *sorted(S)])


class ManyServers(RuleBasedStateMachine):
    """Three servers, each under a new id whenever it was taken over; what the old ids had they go on writing."""

    @initialize()
    def open(self) -> None:
        """An empty store with three servers."""
        self.scratch = tempfile.TemporaryDirectory(prefix="styx-jobs-")
        self.time = NOW
        self.store = Store.open(home=Path(self.scratch.name), clock=lambda: self.time)
        self.ids = ["0", "1", "2"]
        self.born = 3
        for server in self.ids:
            serve(self.store, server)
        self.hand_in(count=3, chain=True, user="a", pool="")
        self.held: list[tuple[str, int, int]] = []  # who has ever had which job under which epoch
        self.ended: dict[int, ManagedJob] = {}
        self.epochs: Counter[int] = Counter()

    @rule(
        count=st.integers(1, 3),
        chain=st.booleans(),
        user=st.sampled_from("ab"),
        pool=st.sampled_from(("", "small")),
        when=st.sampled_from(("success", "failure", "always")),
        primary=st.none() | numbers,
    )
    def hand_in(
        self, count: int, chain: bool, user: str, pool: str, when: str = "success", primary: int | None = None
    ) -> None:
        """An array, or jobs of which each comes after the ones before; all of them may end with one.

        It is done twice, as who got no answer does.
        """
        self.born += 1
        jobs = [
            new_job(
                f"{self.born}/{n}",
                task={"run": "true", "when": when if n and chain else "success"},
                user=user,
                pool=pool,
                group=str(self.born),
                needs=tuple(range(n)) if chain else (),
                priority=9 - n,
                primary=None if primary is None else n == primary % count,
                grace=None if primary is None or n == primary % count else TTL,
            )
            for n in range(count)
        ]
        assert self.store.jobs.submit(jobs) == self.store.jobs.submit(jobs)

    @rule(which=servers, number=numbers, to=moves, wakes=st.booleans())
    def work(self, which: int, number: int, to: S, wakes: bool) -> None:
        """A server says that it lives, takes what may start, takes up one of its jobs under a new epoch, and moves it.

        One that just wakes up does not look first whether it was taken over: it gets nothing, and begins again.
        """
        if not wakes and not self.store.servers.beat(self.ids[which], TTL):
            self._begin_again(which)
        try:
            taken = self.store.jobs.admit(self.ids[which], LIMITS)
        except Superseded:
            self._begin_again(which)
        else:
            assert all(job.waiting == 0 and not job.ended_at for job in taken)
        if mine := self.store.jobs.under_way(self.ids[which]):
            job = self.store.jobs.own(mine[number % len(mine)].id, self.ids[which])
            assert job.epoch not in {epoch for _, known, epoch in self.held if known == job.id}
            self.held.append((self.ids[which], job.id, job.epoch))
            self.write(-1, to)

    @rule(number=st.integers(0, 50), to=moves)
    def write(self, number: int, to: S) -> None:
        """Somebody moves a job that they had once, however late; it counts only if nobody has had it since."""
        if not self.held:
            return
        server, job, epoch = self.held[number % len(self.held)]
        before = self.store.jobs.get(job)
        current = (before.epoch, before.server) == (epoch, server)
        try:
            after = self.store.jobs.move(job, epoch, to)
        except Superseded:
            assert not current
        except StoreError:
            assert before.state.ended or not legal(before.state, to)
        else:
            assert current
            assert after.state is to

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        """Somebody wants one of the jobs to end."""
        jobs = self.store.jobs.page(JobQuery(limit=1000))
        if jobs:
            self.store.jobs.cancel([jobs[number % len(jobs)].id])

    @rule(silent=servers, by=servers, wakes=st.booleans())
    def take_over(self, silent: int, by: int, wakes: bool) -> None:
        """A server is silent until its time is over; another takes its work, unless it wakes up just before."""
        old, new = self.ids[silent], self.ids[by]
        on_record = {server.id for server in self.store.servers.list()}
        self.time += timedelta(seconds=TTL)
        for server in self.ids:
            if wakes or server != old:
                self.store.servers.beat(server, TTL)
        if new in on_record:
            assert self.store.servers.take_over(old, new) == (old in on_record and old != new and not wakes)

    @invariant()
    def nothing_is_lost(self) -> None:
        """What is under way is on a server that is on record; what waits may yet run, or still waits for others."""
        jobs = {job.id: job for job in self.store.jobs.page(JobQuery(limit=1000))}
        on_record = {server.id for server in self.store.servers.list()}
        assert {job.server for job in jobs.values() if job.state in UNDER_WAY} <= on_record
        for job in jobs.values():
            assert job.epoch >= self.epochs[job.id]
            self.epochs[job.id] = job.epoch
            if job.state is S.PENDING:
                needs = [jobs[need].state for need in job.needs]
                assert job.waiting == sum(not state.ended for state in needs)
                assert job.waiting or _runs(job, needs)
            if job.primary is False and not job.state.ended and (job.state is S.PENDING or not job.cancelling):
                over = all(each.state.ended for each in jobs.values() if each.group == job.group and each.primary)
                assert over == (job.stop_at is not None)
                assert not over or job.state is not S.PENDING
        self._count(jobs.values())

    def _count(self, jobs: Any) -> None:
        working = [job for job in jobs if job.state in UNDER_WAY]
        assert max(Counter(job.user for job in working).values(), default=0) <= 2
        assert Counter(job.pool for job in working)["small"] <= 1
        counts = Counter(job.state.value for job in jobs if not job.state.ended)
        assert self.store.jobs.counts() == counts
        for job in jobs:
            assert self.ended.get(job.id, job) == job
            if job.state.ended:
                self.ended[job.id] = job

    def teardown(self) -> None:
        """One server that is left brings everything to its end."""
        if not hasattr(self, "store"):
            return
        self.time += timedelta(seconds=TTL)
        serve(self.store, "last")
        for dead in self.store.servers.dead(ME):
            assert self.store.servers.take_over(dead.id, "last")
        while self.store.jobs.admit("last", ANY) or self.store.jobs.under_way("last"):
            for job in self.store.jobs.under_way("last"):
                mine = self.store.jobs.own(job.id, "last")
                self.store.jobs.move(mine.id, mine.epoch, S.FAILED if mine.state is S.CANCELLING else S.SUCCEEDED)
        assert self.store.jobs.counts() == {}
        self.store.close()
        self.scratch.cleanup()

    def _begin_again(self, which: int) -> None:
        self.born += 1
        self.ids[which] = str(self.born)
        serve(self.store, self.ids[which])


def _runs(job: ManagedJob, needs: list[S]) -> bool:
    """Whether the condition of a job, all of whose needs have ended, has come true."""
    failed = any(state not in (S.SUCCEEDED, S.SKIPPED) for state in needs)
    told = {"always": True, "failure": failed, "success": all(state is S.SUCCEEDED for state in needs)}
    return told[str(job.task.get("when", "success"))]


TestManyServers = ManyServers.TestCase
TestManyServers.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
