"""Backends that break a rule about listing jobs, or about their output."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from typing import Any

from backends_base import WRONG, Mislogs, Misreports

from styx.api import Cluster, JobInfo, LogChunk
from styx.testing.memory import MemoryBackend


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
