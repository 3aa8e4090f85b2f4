"""The reference backend: it keeps every rule of the contract, with real processes and no runtime on the nodes."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Collection, Mapping
from typing import ClassVar

from styx.api import (
    Autostop,
    Backend,
    BackendError,
    Cluster,
    JobInfo,
    JobNotFound,
    JobSpec,
    JobState,
    LogChunk,
    NodeMetrics,
    Services,
)
from styx.testing.memory.runtime import Job, Runtime


class MemoryRuntimes:
    """What runs on the clusters, by their keys: it outlives any Backend object, though not the event loop.

    ``cpus`` and ``gpus`` are what each node is taken to have; by default this machine's CPUs and no GPU. ``grace`` is
    how many seconds a process has between being asked to end and being made to.
    """

    def __init__(self, *, cpus: float | None = None, gpus: float = 0.0, grace: float = 2.0) -> None:
        self.cpus = float(os.cpu_count() or 1) if cpus is None else cpus
        self.gpus = gpus
        self.grace = grace
        self.running: dict[str, Runtime] = {}
        self.kept: dict[str, list[Job]] = {}  # by the keys of clusters that may come back


class MemoryBackend(Backend):
    """The reference backend. Its :class:`MemoryRuntimes` are given as ``services.config``.

    The nodes' endpoints must be processes. Jobs are children of this process and end with it.
    """

    name: ClassVar[str] = "memory"

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        if not isinstance(services.config, MemoryRuntimes):
            raise TypeError("MemoryBackend takes its MemoryRuntimes as services.config")
        self.far: MemoryRuntimes = services.config

    async def prepare(self, cluster: Cluster) -> None:
        """Start keeping jobs for the cluster, unless that is done already."""
        if cluster.key not in self.far.running:
            runtime = Runtime(cluster, self.services.clock, (self.far.cpus, self.far.gpus), self.far.grace)
            runtime.jobs += self.far.kept.pop(cluster.key, [])
            self.far.running[cluster.key] = runtime

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        """Queue the job, or find the one that has its key."""
        return self._runtime(cluster).submit(job).id

    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        """List jobs from the last to the first, and tell of nodes that were given notice."""
        runtime = self._runtime(cluster)
        for rank, at in (await runtime.notices()).items():
            cluster.preemption_noticed(rank, at)
        jobs = reversed(runtime.jobs)
        return [job.info() for job in jobs if ids is None or job.id in ids]

    async def wait(self, cluster: Cluster, job_id: int) -> JobInfo:
        """Wait for changes until the job is at an end."""
        runtime, job = self._find(cluster, job_id)
        while not job.state.ended:
            await runtime.change()
        return job.info()

    async def cancel(self, cluster: Cluster, ids: Collection[int] | None) -> list[int]:
        """End the jobs that go on, and wait until their processes are gone."""
        runtime = self._runtime(cluster)
        meant = [job for job in runtime.jobs if ids is None or job.id in ids]
        cancelled = [job for job in meant if runtime.decide(job, JobState.CANCELLED)]
        for job in cancelled:
            await runtime.gone(job)
        return [job.id for job in cancelled]

    async def logs(
        self,
        cluster: Cluster,
        job_id: int,
        *,
        follow: bool = True,
        tail: int | None = None,
        rank: int | None = None,
        offsets: Mapping[int, int] | None = None,
    ) -> AsyncIterator[LogChunk]:
        """Deliver what is there, and with ``follow`` what comes, until the job is at an end."""
        runtime, job = self._find(cluster, job_id)
        at = self._starts(job, tail, offsets)
        while True:
            ended = job.state.ended  # looked at first, so that what came before the end is delivered
            for number, log in sorted(job.logs.items()):
                start = at.setdefault(number, 0)
                if rank in {None, number} and start < len(log):
                    data = bytes(log[start:])
                    at[number] = start + len(data)
                    yield LogChunk(number, start, data)
            if ended or not follow:
                return
            await runtime.change()

    async def autostop(self, cluster: Cluster, policy: Autostop | None) -> None:
        """Keep the policy; the runtime watches the clock."""
        self._runtime(cluster).set_policy(policy)

    async def metrics(self, cluster: Cluster) -> list[NodeMetrics]:
        """Sample this machine, once for each node on it."""
        disk = await asyncio.to_thread(shutil.disk_usage, "/")
        total, free = (os.sysconf(name) * os.sysconf("SC_PAGE_SIZE") for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
        busy = min(100.0, 100.0 * os.getloadavg()[0] / (os.cpu_count() or 1))
        now = self.services.clock.now()
        return [
            NodeMetrics(node.rank or 0, now, busy, total - free, total, disk.used, disk.total)
            for node in self._runtime(cluster).cluster.nodes
        ]

    async def shutdown(self, cluster: Cluster, *, keep: bool = False) -> None:
        """End everything, and unless told to keep them forget the jobs."""
        runtime = self.far.running.get(cluster.key)
        if runtime is not None:
            await self.cancel(cluster, None)
            await runtime.close()
            self.far.running.pop(cluster.key, None)
            self.far.kept[cluster.key] = runtime.jobs
        if not keep:
            self.far.kept.pop(cluster.key, None)

    def _runtime(self, cluster: Cluster) -> Runtime:
        if cluster.key not in self.far.running:
            raise BackendError(f"nothing runs on cluster {cluster.name!r}", hint="Call prepare() first.")
        return self.far.running[cluster.key]

    def _find(self, cluster: Cluster, job_id: int) -> tuple[Runtime, Job]:
        runtime = self._runtime(cluster)
        if not 1 <= job_id <= len(runtime.jobs):
            raise JobNotFound(f"cluster {cluster.name!r} has no job {job_id}", cluster=cluster.name, job=job_id)
        return runtime, runtime.jobs[job_id - 1]

    @staticmethod
    def _starts(job: Job, tail: int | None, offsets: Mapping[int, int] | None) -> dict[int, int]:
        """Where each rank's output is to begin: ``offsets`` win over ``tail``."""
        if offsets is not None:
            return dict(offsets)
        return {} if tail is None else {rank: tail_offset(bytes(log), tail) for rank, log in job.logs.items()}


def tail_offset(log: bytes, lines: int) -> int:
    """Where the last ``lines`` lines begin."""
    kept = log.splitlines(keepends=True)[-lines:] if lines else []
    return len(log) - sum(map(len, kept))
