"""Rules about who runs when: first in, first out, by what each job claims."""

from __future__ import annotations

import pytest

from styx.api import BackendError, BadInput, JobState
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench
from styx.testing.verdict import GaveUp, expect


class QueueRules(BackendRules):
    """The queue. A job's claim is per node; on two nodes it takes two jobs to fill both."""

    async def test_jobs_start_in_order(self, bench: Bench, node_cpus: float) -> None:
        """Jobs that each fill the cluster run one after the other, in the order they came."""
        claims = {"cpus": node_cpus, "num_nodes": 2}
        script = '[ "$STYX_NODE_RANK" != 0 ] || { echo +%d; sleep 0.1; echo -%d; } >> "$HOME/order"; sleep 0.1'
        numbers = [await bench.start(bench.job(script % (0, 0), **claims))]
        numbers += [await bench.submit(bench.job(script % (n, n), **claims)) for n in (1, 2)]
        for number in numbers:
            await bench.wait(number)
        order = (bench.cluster.home(0) / "order").read_text().split()
        expect(
            order == ["+0", "-0", "+1", "-1", "+2", "-2"],
            did=f"three jobs that each claim all CPUs of both nodes began (+) and ended (-) as {order}",
            contract="cpus and gpus are what the first-in-first-out queue counts",
            change="start a pending job only when its claim fits beside those that run, oldest first",
        )

    async def test_a_job_that_waits_is_pending(self, bench: Bench, node_cpus: float) -> None:
        """A job for which there is no room yet is pending, with neither start nor output."""
        gate = bench.cluster.root / "gate"
        first = await bench.running(f"until [ -e {gate} ]; do sleep 0.05; done", cpus=node_cpus, num_nodes=2)
        second = await bench.submit(bench.job('echo > "$HOME/second"', cpus=node_cpus, num_nodes=2))
        await bench.settle()
        info = (await bench.jobs(second))[0]
        ran = (bench.cluster.home(0) / "second").exists()
        gate.touch()
        await bench.wait(first)
        await bench.wait(second)
        expect(
            info.state is JobState.PENDING and info.started_at is None and not ran,
            did=f"behind a job that fills the cluster the next is {info.state}, started {info.started_at}",
            contract="pending until it starts",
            change="claim the room before changing the state",
        )

    async def test_nothing_overtakes(self, bench: Bench, node_cpus: float) -> None:
        """A small job does not pass a large one that waits in front of it, or the large one would wait for ever."""
        if node_cpus < 1:
            pytest.skip("needs nodes of at least one CPU")
        gate = bench.cluster.root / "gate"
        hold = f"until [ -e {gate} ]; do sleep 0.05; done"
        first = await bench.running(hold, cpus=node_cpus - 0.5, num_nodes=2)
        large = await bench.submit(bench.job('date +%s.%N > "$HOME/large"', cpus=node_cpus, num_nodes=2))
        small = await bench.submit(bench.job('echo > "$HOME/small"', cpus=0.25))
        await bench.settle()
        passed = any((bench.cluster.home(rank) / "small").exists() for rank in range(2))
        gate.touch()
        for number in (first, large, small):
            await bench.wait(number)
        expect(
            not passed,
            did="a job of 0.25 CPUs ran before one of all CPUs that had been submitted earlier",
            contract="first in, first out",
            change="stop at the first pending job that does not fit",
        )

    async def test_small_jobs_run_side_by_side(self, bench: Bench, node_cpus: float) -> None:
        """Jobs whose claims fit together run at the same time: each of these waits for the other."""
        meeting = bench.cluster.root / "meeting"
        meeting.mkdir()
        script = f"touch {meeting}/%s; for i in $(seq 200); do [ -e {meeting}/%s ] && exit 0; sleep 0.05; done; exit 1"
        claim = node_cpus / 2
        first = await bench.start(bench.job(script % ("a", "b"), cpus=claim))
        second = await bench.submit(bench.job(script % ("b", "a"), cpus=claim))
        states = [(await bench.wait(number)).state for number in (first, second)]
        expect(
            states == [JobState.SUCCEEDED, JobState.SUCCEEDED],
            did=f"two jobs that claim half a node each and wait for each other ended {[str(s) for s in states]}",
            contract="jobs run when there is room for their claims",
            change="count claims, not jobs",
        )

    async def test_an_impossible_job_does_not_wait_for_ever(self, bench: Bench) -> None:
        """A job for more nodes than the cluster has is refused, or ends; it is not kept pending."""
        await bench.start(bench.job("true"))
        try:
            number = await bench.submit(bench.job("true", num_nodes=3))
            state = str((await bench.wait(number)).state)
        except (BackendError, BadInput):
            return
        except GaveUp:
            state = "pending for ever"
        expect(
            state not in {"pending for ever", "succeeded"},
            did=f"a job for three nodes, on a cluster of two, is {state}",
            contract="a job runs on num_nodes nodes at once",
            change="raise BackendError in submit() for what the whole cluster, idle, could not run",
        )
