"""Backends that break one rule each; everything else they do as the reference does."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import making
from registry import Registry

from styx.api import Autostop, BackendError, Cluster, JobInfo, JobSpec, JobState, LogChunk, NodeMetrics
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


@WRONG.breaks("test_name_fits_into_commands_and_manifests")
class Shouting(MemoryBackend):
    """A name that nobody can type."""

    name = "Memory Backend!"


@WRONG.breaks("test_making_the_object_needs_no_network")
class ConnectsAtOnce(making.ConnectsAtOnce, MemoryBackend):
    """A client made in the constructor."""


@WRONG.breaks("test_the_object_can_be_made_again")
class Singleton(making.Singleton, MemoryBackend):
    """One object for everybody."""


@WRONG.breaks("test_prepare_again_succeeds")
class PreparesOnce(MemoryBackend):
    """An error, the second time, while there is nothing to do."""

    async def prepare(self, cluster: Cluster) -> None:
        if cluster.key in self.far.running and not self.far.running[cluster.key].jobs:
            raise BackendError("it is prepared already")
        await super().prepare(cluster)


@WRONG.breaks("test_prepare_does_not_disturb_jobs")
class RestartsOnPrepare(MemoryBackend):
    """Ends what runs when it is prepared again."""

    async def prepare(self, cluster: Cluster) -> None:
        await super().prepare(cluster)
        await self.cancel(cluster, None)


@WRONG.breaks("test_the_same_key_is_the_same_job")
class ForgetsEndedKeys(MemoryBackend):
    """A key is free again once its job has ended."""

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        for known in await self.jobs(cluster):
            if known.key == job.key and known.state.ended:
                return await super().submit(cluster, replace(job, key=secrets.token_hex(4)))
        return await super().submit(cluster, job)


@WRONG.breaks("test_a_fresh_object_knows_the_key")
class KeysInTheObject(MemoryBackend):
    """Every client has keys of its own."""

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        submitted = self.__dict__.setdefault("submitted", set())
        known = job.key in {info.key for info in await self.jobs(cluster)} and job.key not in submitted
        submitted.add(job.key)
        return await super().submit(cluster, replace(job, key=secrets.token_hex(4)) if known else job)


@WRONG.breaks("test_a_failing_job_tells_its_code")
class FailsWithOne(Misreports):
    """1 for every code from 7 on."""

    def changed(self, info: JobInfo) -> JobInfo:
        return replace(info, exit_code=1) if info.exit_code == 7 else info


@WRONG.breaks("test_failed_setup_is_told_apart")
class NoSetupState(Misreports):
    """Failed, whatever failed."""

    def changed(self, info: JobInfo) -> JobInfo:
        return replace(info, state=JobState.FAILED) if info.state is JobState.FAILED_SETUP else info


@WRONG.breaks("test_secrets_reach_the_job")
class DropsSecrets(Misruns):
    """Secrets are kept so well that nobody gets them."""

    def changed(self, job: JobSpec) -> JobSpec:
        return replace(job, secrets={})


@WRONG.breaks("test_secrets_are_not_listed")
class LogsCommands(Mislogs):
    """Shows, in front of a log, what was run with which secrets."""

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        self.__dict__.setdefault("seen", set()).update(value for value in job.secrets.values() if job.setup)
        return await super().submit(cluster, job)

    def changed(self, chunk: LogChunk) -> LogChunk:
        return replace(chunk, data=chunk.data + "".join(self.__dict__["seen"]).encode())


@WRONG.breaks("test_secrets_are_not_on_disk")
class WritesSecrets(MemoryBackend):
    """A file with the environment, for debugging."""

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        endpoint = cluster.nodes[0].endpoint
        if job.secrets and endpoint is not None:
            Path(endpoint.options["home"], ".env").write_text(repr(dict(job.secrets)))
        return await super().submit(cluster, job)


@WRONG.breaks("test_secrets_are_in_no_command_line")
class ExportsSecrets(Misruns):
    """Secrets as shell code, in an argument."""

    def changed(self, job: JobSpec) -> JobSpec:
        exports = "".join(f"export {name}='{value}'\n" for name, value in job.secrets.items())
        return replace(job, run=exports + job.run)


@WRONG.breaks("test_the_callers_credentials_stay_here")
class HandsOnEverything(Misruns):
    """The caller's whole environment."""

    def changed(self, job: JobSpec) -> JobSpec:
        ours = {name: value for name, value in os.environ.items() if "KEY" in name or "TOKEN" in name}
        return replace(job, envs={**ours, **job.envs})


@WRONG.breaks("test_jobs_are_listed_newest_first")
class OldestFirst(MemoryBackend):
    """The list upside down, unless jobs are picked."""

    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        found = await super().jobs(cluster, ids)
        return found[::-1] if ids is None else found


@WRONG.breaks("test_no_numbers_are_no_jobs")
class FalsyIds(MemoryBackend):
    """``if not ids``."""

    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        return await super().jobs(cluster, ids or None)


@WRONG.breaks("test_jobs_tell_what_was_asked_for")
class Nameless(Misreports):
    """Jobs without names."""

    def changed(self, info: JobInfo) -> JobInfo:
        return replace(info, name="")


@WRONG.breaks("test_times_are_utc_and_in_order")
class LocalTimes(Misreports):
    """Times without a zone."""

    def changed(self, info: JobInfo) -> JobInfo:
        return replace(info, submitted_at=info.submitted_at.replace(tzinfo=None))


@WRONG.breaks("test_exit_code_is_the_first_failures")
class LastFailure(Misreports):
    """The largest code of any rank."""

    def changed(self, info: JobInfo) -> JobInfo:
        codes = [code for code in info.ranks.values() if 0 < code < 128]
        return replace(info, exit_code=max(codes)) if codes else info


@WRONG.breaks("test_every_ranks_end_is_told")
class NoRanks(Misreports):
    """Only the job as a whole."""

    def changed(self, info: JobInfo) -> JobInfo:
        return replace(info, ranks={})


@WRONG.breaks("test_output_comes_while_the_job_runs")
class Buffers(MemoryBackend):
    """Everything at the end."""

    async def logs(self, cluster: Cluster, job_id: int, **how: Any) -> AsyncIterator[LogChunk]:
        self._find(cluster, job_id)
        if how.get("follow", True):
            await self.wait(cluster, job_id)
        async for chunk in super().logs(cluster, job_id, **how):
            yield chunk


@WRONG.breaks("test_output_is_bytes")
class TextOnly(Mislogs):
    """Decodes on the way."""

    def changed(self, chunk: LogChunk) -> LogChunk:
        return replace(chunk, data=chunk.data.decode(errors="replace").encode())


@WRONG.breaks("test_one_rank_can_be_read")
class AllRanks(MemoryBackend):
    """Every rank, whichever is asked for."""

    async def logs(self, cluster: Cluster, job_id: int, **how: Any) -> AsyncIterator[LogChunk]:
        async for chunk in super().logs(cluster, job_id, **(how | {"rank": None})):
            yield chunk


@WRONG.breaks("test_offsets_resume")
class FromTheStart(MemoryBackend):
    """Everything again, wherever it was to begin."""

    async def logs(self, cluster: Cluster, job_id: int, **how: Any) -> AsyncIterator[LogChunk]:
        async for chunk in super().logs(cluster, job_id, **(how | {"offsets": None})):
            yield chunk


@WRONG.breaks("test_without_follow_it_returns_at_once")
class AlwaysFollows(MemoryBackend):
    """To the end, asked or not."""

    async def logs(self, cluster: Cluster, job_id: int, **how: Any) -> AsyncIterator[LogChunk]:
        async for chunk in super().logs(cluster, job_id, **(how | {"follow": True})):
            yield chunk


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
