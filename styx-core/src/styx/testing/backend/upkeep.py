"""Rules about measuring, and about ending the runtime."""

from __future__ import annotations

from datetime import timedelta

from styx.api import Backend, JobState, NodeMetrics
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import GROUND, Bench, text
from styx.testing.verdict import expect, succeeds


class UpkeepRules(BackendRules):
    """What metrics() and shutdown() must and must not do."""

    async def test_every_node_is_measured(self, bench: Bench) -> None:
        """metrics() has one sample of each node, in numbers that can be."""
        await bench.start(bench.job("true"))
        samples = await bench.call(bench.backend.metrics(bench.cluster), "metrics()")
        odd = [
            sample
            for sample in samples
            if not isinstance(sample, NodeMetrics)
            or not 0 <= sample.cpu_percent <= 100
            or not 0 < sample.memory_used <= sample.memory_total
            or not 0 < sample.disk_used <= sample.disk_total
        ]
        expect(
            sorted(sample.rank for sample in samples) == [0, 1] and not odd,
            did=f"the samples of two nodes are of the ranks {[s.rank for s in samples]}; impossible: {odd[:1]}",
            contract="the newest sample of every node; percentages 0 to 100, sizes in bytes",
            change="mind the units: /proc/meminfo is in KiB",
        )

    async def test_samples_are_of_now(self, bench: Bench) -> None:
        """A sample tells when it was taken, in timezone-aware UTC, and that is not long ago."""
        await bench.start(bench.job("true"))
        samples = await bench.call(bench.backend.metrics(bench.cluster), "metrics()")
        now = bench.backend.services.clock.now()
        old = [str(s.at) for s in samples if s.at.utcoffset() != timedelta(0) or abs(now - s.at) > timedelta(minutes=2)]
        expect(
            not old,
            did=f"at {now} the newest samples are of {old}",
            contract="the newest sample; times are timezone-aware UTC",
            change="sample when asked, or every few seconds",
        )

    async def test_shutdown_ends_the_jobs(self, bench: Bench) -> None:
        """After shutdown() no process of the backend or its jobs is left on any node."""
        await bench.running("sleep 600 & setsid sleep 601 & sleep 602", num_nodes=2)
        await self._shutdown(bench)
        left = bench.cluster.processes()
        expect(
            not left,
            did=f"after shutdown() these still run on the nodes: {sorted(left.values())}",
            contract="shutdown() cancels all jobs and ends the runtime",
            change="kill what jobs left behind too: mark processes by an environment variable or a cgroup",
        )

    async def test_shutdown_again_succeeds(self, bench: Bench) -> None:
        """shutdown() of what is shut down, or was never prepared, is success."""
        with succeeds(
            "shutdown() before prepare(), after it, and again",
            contract="shutdown() is idempotent",
            change="when nothing runs there, there is nothing to do",
        ):
            await self._shutdown(bench)
            await bench.prepare()
            await self._shutdown(bench)
            await self._shutdown(bench)

    async def test_it_can_be_prepared_anew(self, bench: Bench) -> None:
        """After shutdown(), as before a stop and a start of the nodes, prepare() makes the cluster usable again."""
        await bench.finish(bench.job("true"))
        await self._shutdown(bench)
        info = await bench.finish(bench.job("exit 6"))
        expect(
            info.state is JobState.FAILED and info.exit_code == 6,
            did=f"after shutdown() and prepare() the job `exit 6` ended {info.state} with {info.exit_code}",
            contract="prepare() installs and starts the runtime",
            change="leave nothing behind in shutdown() that keeps the runtime from starting: sockets, locks",
        )

    async def test_what_is_kept_comes_back(self, bench: Bench) -> None:
        """After shutdown(keep=True) and prepare(), the jobs that were there are still listed, with what they wrote."""
        info = await bench.finish(bench.job("echo kept"))
        before = await self._remembered(bench, info.id)
        await bench.call(bench.backend.shutdown(bench.cluster, keep=True), "shutdown(keep=True)")
        await bench.prepare()
        after = await self._remembered(bench, info.id)
        expect(
            before == after,
            did=f"of the jobs and the output {before}, shutdown(keep=True) and prepare() left {after}",
            contract="with keep, jobs and their logs stay on the nodes and prepare() takes them up again",
            change="end the runtime, and leave its files where they are",
        )

    async def test_what_is_not_kept_is_gone(self, bench: Bench) -> None:
        """After shutdown() and prepare(), the cluster has no jobs: nothing of them was left."""
        await bench.finish(bench.job("true"))
        await self._shutdown(bench)
        await bench.prepare()
        listed = [(job.id, job.state.value) for job in await bench.jobs()]
        expect(
            not listed,
            did=f"after shutdown() and prepare() the jobs {listed} are still there",
            contract="without keep, nothing of the runtime is left on any node",
            change="delete what the runtime keeps of the cluster",
        )

    async def test_one_object_serves_several_clusters(self, bench: Bench, make_cluster: object) -> None:
        """Jobs of one cluster are not jobs of another."""
        assert callable(make_cluster)
        await bench.start(bench.job("true"))
        async with make_cluster(1) as cluster:
            other = Bench(bench.backend, cluster, bench.patience, bench.settled)
            number = await other.start(other.job("true"))
            listed = ([job.id for job in await bench.jobs()], [job.id for job in await other.jobs()])
            await other.wait(number)
            await other.clean_up()
        expect(
            listed == ([1], [1]),
            did=f"with one job on each of two clusters they list {listed[0]} and {listed[1]}",
            contract="one object serves any number of clusters",
            change="keep what you keep by cluster.key",
        )

    @staticmethod
    async def _remembered(bench: Bench, job_id: int) -> tuple[list[int], str]:
        """The numbers of the jobs, and what one of them wrote."""
        listed = [job.id for job in await bench.jobs()]
        try:
            return listed, text(await bench.output(job_id, follow=False))
        except GROUND:
            return listed, ""

    @staticmethod
    async def _shutdown(bench: Bench, backend: Backend | None = None) -> None:
        await bench.call((backend or bench.backend).shutdown(bench.cluster), "shutdown()")
