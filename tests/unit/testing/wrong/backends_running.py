"""Backends that break a rule about the object itself, or about running a job."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import secrets
from dataclasses import replace

import making
from backends_base import WRONG, Misreports

from styx.api import BackendError, Cluster, JobInfo, JobSpec, JobState
from styx.testing.memory import MemoryBackend


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
