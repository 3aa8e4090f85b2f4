"""Backends that break a rule about machines that are taken back, or about containers."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from backends_base import WRONG

from styx.api import Cluster, JobInfo, JobSpec, Login
from styx.testing.memory import MemoryBackend

# What jobs in a container see at /srv is a directory of their node, mounted where nobody else sees it.
_INSIDE = 'mkdir -p "$HOME/.inside" && mount --bind "$HOME/.inside" /srv && exec bash -c "$0"'
_UNSHARE = "unshare --user --map-root-user --mount"
_can_unshare = (
    shutil.which("unshare") is not None
    and subprocess.run([*_UNSHARE.split(), "true"], capture_output=True, check=False).returncode == 0
)


class Mistold:
    """A cluster that is told something else of notices than what a backend knew."""

    def __init__(self, cluster: Cluster, by: timedelta | None) -> None:
        self._cluster = cluster
        self._by = by

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def preemption_noticed(self, rank: int, at: datetime) -> None:
        if self._by is None:
            self._cluster.preemption_noticed(0, at)
        else:
            self._cluster.preemption_noticed(rank, at + self._by)


@WRONG.breaks("test_a_notice_is_told_with_its_rank")
class HeadTakenBack(MemoryBackend):
    """Any notice is the head's."""

    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        return await super().jobs(cast("Cluster", Mistold(cluster, None)), ids)


@WRONG.breaks("test_a_fresh_object_tells_the_same_notice")
class NoticesAnew(MemoryBackend):
    """Every object counts from when it has heard itself."""

    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        heard = self.__dict__.setdefault("heard", self.services.clock.now())
        first = self.far.__dict__.setdefault("heard", heard)
        return await super().jobs(cast("Cluster", Mistold(cluster, heard - first)), ids)


@WRONG.breaks("test_containers_are_had_or_declined")
class SilentlyWithout(MemoryBackend):
    """Neither has containers nor says so."""

    async def prepare_container(self, cluster: Cluster, image: str, login: Login | None = None) -> Sequence[str]:
        return cast("Sequence[str]", None)


class Boxed(MemoryBackend):
    """With containers that have a directory of their own."""

    image = "made-of-nothing"

    async def prepare_container(self, cluster: Cluster, image: str, login: Login | None = None) -> Sequence[str]:
        return []

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        if job.container:
            job = replace(job, run=f"{_UNSHARE} sh -c {shlex.quote(_INSIDE)} {shlex.quote(job.run)}")
        return await super().submit(cluster, job)


class Forgetful(Boxed):
    """Says that there are no containers, whoever has made some."""

    async def container_image(self, cluster: Cluster) -> str | None:
        return ""


class RunsOutside(Boxed):
    """Takes the name of an image for a remark."""

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        return await super().submit(cluster, replace(job, container=""))


class MakesAnew(Boxed):
    """Begins again from the image at each launch."""

    async def prepare_container(self, cluster: Cluster, image: str, login: Login | None = None) -> Sequence[str]:
        await cluster.transport(0).run('rm -rf "$HOME/.inside"')
        return []


if _can_unshare:
    WRONG.breaks("test_a_fresh_object_knows_the_container")(Forgetful)
    WRONG.breaks("test_jobs_run_in_the_container")(RunsOutside)
    WRONG.breaks("test_preparing_a_container_again_keeps_it")(MakesAnew)
