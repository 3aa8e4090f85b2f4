"""What the wrong backends share."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

from registry import Registry

from styx.api import Cluster, JobInfo, JobSpec, LogChunk
from styx.testing.memory import MemoryBackend

WRONG = Registry()


class Misruns(MemoryBackend):
    """Runs something else than it was given."""

    def changed(self, job: JobSpec) -> JobSpec:
        """What is run instead."""
        raise NotImplementedError

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        return await super().submit(cluster, self.changed(job))


class Misreports(MemoryBackend):
    """Tells something else than what is."""

    def changed(self, info: JobInfo) -> JobInfo:
        """What is told instead."""
        raise NotImplementedError

    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        return [self.changed(info) for info in await super().jobs(cluster, ids)]

    async def wait(self, cluster: Cluster, job_id: int) -> JobInfo:
        return self.changed(await super().wait(cluster, job_id))


class Mislogs(MemoryBackend):
    """Delivers something else than what was written."""

    def changed(self, chunk: LogChunk) -> LogChunk:
        """What is delivered instead."""
        raise NotImplementedError

    async def logs(self, cluster: Cluster, job_id: int, **how: Any) -> AsyncIterator[LogChunk]:
        async for chunk in super().logs(cluster, job_id, **how):
            yield self.changed(chunk)
