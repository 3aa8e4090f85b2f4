"""One test's dealings with a backend: it asks as core would, waits with an end, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import pytest

from styx.api import Backend, BackendError, JobInfo, JobSpec, JobState, LogChunk, StyxError, TransportError
from styx.testing.cluster import ProcessCluster
from styx.testing.verdict import ContractBroken, GaveUp

T = TypeVar("T")

RUNNING_TEST = "test_a_job_runs_to_its_end"
GROUND = (BackendError, TransportError, ContractBroken, GaveUp)


class Bench:
    """A backend under test and the cluster it works on."""

    def __init__(self, backend: Backend, cluster: ProcessCluster, patience: float, settled: float) -> None:
        self.backend = backend
        self.cluster = cluster
        self.patience = patience
        self.settled = settled
        self._keys = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count(1))

    def job(self, run: str, **fields: Any) -> JobSpec:
        """A job with a key of its own."""
        return JobSpec(key=fields.pop("key", None) or next(self._keys), run=run, **fields)

    async def call(self, answer: Awaitable[T], what: str) -> T:
        """Wait for an answer, but not for ever. Raises ContractBroken when something foreign was raised."""
        try:
            async with asyncio.timeout(self.patience):
                return await answer
        except TimeoutError:
            raise GaveUp(f"{what} did not come back within {self.patience:g} s") from None
        except (StyxError, AssertionError):
            raise
        except Exception as error:
            raise ContractBroken(
                f"{what} raised {type(error).__name__}: {error}\n"
                "  the contract: a backend raises TransportError, BackendError and JobNotFound\n"
                "  to change:    translate whatever your runtime raises in one place"
            ) from error

    # -- one call each

    async def prepare(self) -> None:
        """Install and start the runtime."""
        await self.call(self.backend.prepare(self.cluster), "prepare()")

    async def submit(self, job: JobSpec, backend: Backend | None = None) -> int:
        """Queue a job."""
        return await self.call((backend or self.backend).submit(self.cluster, job), "submit()")

    async def jobs(self, *ids: int) -> list[JobInfo]:
        """All jobs, or those with these numbers."""
        return await self.call(self.backend.jobs(self.cluster, ids or None), "jobs()")

    async def wait(self, job_id: int) -> JobInfo:
        """Wait for the end of a job."""
        return await self.call(self.backend.wait(self.cluster, job_id), "wait()")

    async def cancel(self, *ids: int) -> list[int]:
        """Cancel jobs, or all."""
        return await self.call(self.backend.cancel(self.cluster, ids or None), "cancel()")

    async def chunks(self, job_id: int, **how: Any) -> list[LogChunk]:
        """The pieces of a job's output."""

        async def collect() -> list[LogChunk]:
            return [chunk async for chunk in self.backend.logs(self.cluster, job_id, **how)]

        return await self.call(collect(), "logs()")

    async def output(self, job_id: int, **how: Any) -> dict[int, bytes]:
        """A job's output by rank, the pieces put together."""
        found: dict[int, bytes] = {}
        for chunk in await self.chunks(job_id, **how):
            found[chunk.rank] = found.get(chunk.rank, b"") + chunk.data
        return found

    # -- the ground of a test; without it the test is skipped, for another test says why

    async def start(self, job: JobSpec) -> int:
        """Prepare, and queue a job."""
        try:
            await self.prepare()
            return await self.submit(job)
        except GROUND as error:
            pytest.skip(f"needs a job; {RUNNING_TEST} shows what is wrong ({error})")

    async def finish(self, job: JobSpec) -> JobInfo:
        """Prepare, queue a job, and wait for its end."""
        number = await self.start(job)
        try:
            return await self.wait(number)
        except GROUND as error:
            pytest.skip(f"needs a job; {RUNNING_TEST} shows what is wrong ({error})")

    async def say(self, job: JobSpec) -> dict[int, bytes]:
        """Run a job and return what it wrote."""
        info = await self.finish(job)
        try:
            return await self.output(info.id)
        except GROUND as error:
            pytest.skip(f"needs logs; test_output_is_delivered_whole shows what is wrong ({error})")

    async def running(self, run: str, **fields: Any) -> int:
        """A job that has begun: ``run`` goes on once a mark has been left in its node's home."""
        number = await self.start(self.job(f'echo > "$HOME/begun"\n{run}', **fields))
        await self.until((self.cluster.home(0) / "begun").exists, "the start of a job")
        return number

    async def until(self, look: Callable[[], object], what: str, within: float | None = None) -> None:
        """Look again and again until there is something to see."""
        within = self.patience if within is None else within
        deadline = asyncio.get_running_loop().time() + within
        while not look():
            if asyncio.get_running_loop().time() > deadline:
                raise GaveUp(f"{what} did not come about within {within:g} s")
            await asyncio.sleep(0.02)

    async def until_state(self, job_id: int, *states: JobState) -> JobInfo:
        """Look until a job is in one of these states."""
        deadline = asyncio.get_running_loop().time() + self.patience
        while (info := (await self.jobs(job_id))[0]).state not in states:
            if asyncio.get_running_loop().time() > deadline:
                raise GaveUp(f"job {job_id} is still {info.state} after {self.patience:g} s")
            await asyncio.sleep(0.02)
        return info

    async def settle(self) -> None:
        """Let pass the time in which what must not happen would have happened."""
        await asyncio.sleep(self.settled)

    async def clean_up(self) -> None:
        """End the runtime. What it leaves behind is another test's business, and the cluster's to kill."""
        try:
            await self.call(self.backend.shutdown(self.cluster), "shutdown()")
        except GROUND:
            return


def text(output: Mapping[int, bytes], rank: int = 0) -> str:
    """What one rank wrote, as text, without the last newline."""
    return output.get(rank, b"").decode(errors="replace").rstrip("\n")
