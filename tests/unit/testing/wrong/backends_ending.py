"""Backends that break a rule about cancelling, autostop, shutting down or what is kept."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from backends_base import WRONG

from styx.api import Autostop, BackendError, Cluster, JobInfo, JobState, NodeMetrics
from styx.testing.memory import MemoryBackend


@WRONG.breaks("test_cancel_names_what_it_cancelled")
class CancelsAgain(MemoryBackend):
    """Names what had been cancelled before."""

    async def cancel(self, cluster: Cluster, ids: Collection[int] | None) -> list[int]:
        done = await super().cancel(cluster, ids)
        again = [info.id for info in await self.jobs(cluster, ids or ()) if info.state is JobState.CANCELLED]
        return sorted({*done, *again})


@WRONG.breaks("test_cancel_of_no_numbers_is_none")
class FalsyCancel(MemoryBackend):
    """``if not ids``."""

    async def cancel(self, cluster: Cluster, ids: Collection[int] | None) -> list[int]:
        return await super().cancel(cluster, ids or None)


@WRONG.breaks("test_cancel_leaves_others_running")
class CancelsAll(MemoryBackend):
    """All jobs that run, whichever is named."""

    async def cancel(self, cluster: Cluster, ids: Collection[int] | None) -> list[int]:
        infos = await self.jobs(cluster)
        named = any(info.id in (ids or ()) and not info.state.ended for info in infos)
        running = [info.id for info in infos if info.state is JobState.RUNNING and info.num_nodes == 1 and named]
        await super().cancel(cluster, [number for number in running if number not in (ids or ())])
        return await super().cancel(cluster, ids)


@WRONG.breaks("test_down_removes_instead")
class NeverRemoves(MemoryBackend):
    """Stops where it should remove."""

    async def autostop(self, cluster: Cluster, policy: Autostop | None) -> None:
        await super().autostop(cluster, None if policy is None else replace(policy, down=False))


@WRONG.breaks("test_a_cleared_policy_does_nothing")
class KeepsPolicies(MemoryBackend):
    """Clears nothing that this object has set."""

    async def autostop(self, cluster: Cluster, policy: Autostop | None) -> None:
        known = self.__dict__.setdefault("policies", set())
        if policy is None and cluster.key in known:
            return
        known.add(cluster.key)
        await super().autostop(cluster, policy)


@WRONG.breaks("test_idleness_has_to_last")
class SecondsForMinutes(MemoryBackend):
    """Takes minutes for something much shorter."""

    async def autostop(self, cluster: Cluster, policy: Autostop | None) -> None:
        await super().autostop(cluster, None if policy is None else replace(policy, idle_minutes=0))


@WRONG.breaks("test_every_node_is_measured")
class HeadOnly(MemoryBackend):
    """The head's sample alone."""

    async def metrics(self, cluster: Cluster) -> list[NodeMetrics]:
        return (await super().metrics(cluster))[:1]


@WRONG.breaks("test_samples_are_of_now")
class OldSamples(MemoryBackend):
    """Samples of an hour ago."""

    async def metrics(self, cluster: Cluster) -> list[NodeMetrics]:
        return [replace(sample, at=sample.at - timedelta(hours=1)) for sample in await super().metrics(cluster)]


@WRONG.breaks("test_shutdown_ends_the_jobs", litters=False)
class LeavesProcesses(MemoryBackend):
    """A process of its own that stays on the node."""

    async def shutdown(self, cluster: Cluster, *, keep: bool = False) -> None:
        if await self._going(cluster):
            await cluster.transport(0).run("sleep 60 >/dev/null 2>&1 </dev/null &")
        await super().shutdown(cluster, keep=keep)

    async def _going(self, cluster: Cluster) -> bool:
        if cluster.key not in self.far.running:
            return False
        return any(not info.state.ended for info in await self.jobs(cluster))


@WRONG.breaks("test_shutdown_again_succeeds")
class ShutsDownOnce(MemoryBackend):
    """An error where there is nothing to end."""

    async def shutdown(self, cluster: Cluster, *, keep: bool = False) -> None:
        self._runtime(cluster)
        await super().shutdown(cluster, keep=keep)


@WRONG.breaks("test_what_is_kept_comes_back")
class KeepsNothing(MemoryBackend):
    """A stop that forgets the jobs."""

    async def shutdown(self, cluster: Cluster, *, keep: bool = False) -> None:
        del keep
        await super().shutdown(cluster)


@WRONG.breaks("test_what_is_not_kept_is_gone")
class KeepsEverything(MemoryBackend):
    """A removal that leaves the jobs."""

    async def shutdown(self, cluster: Cluster, *, keep: bool = False) -> None:
        del keep
        await super().shutdown(cluster, keep=True)


@WRONG.breaks("test_wait_for_no_job_is_not_found")
class WaitsInVain(MemoryBackend):
    """The wrong error for a job that is not there."""

    async def wait(self, cluster: Cluster, job_id: int) -> JobInfo:
        if job_id > len(self._runtime(cluster).jobs):
            await asyncio.sleep(0)
            raise BackendError(f"no job {job_id}")
        return await super().wait(cluster, job_id)
