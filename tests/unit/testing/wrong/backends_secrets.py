"""Backends that break a rule about secrets."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from backends_base import WRONG, Mislogs, Misruns

from styx.api import Cluster, JobSpec, LogChunk
from styx.testing.memory import MemoryBackend


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
