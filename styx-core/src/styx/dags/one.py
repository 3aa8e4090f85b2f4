"""One task of a run: its job as often as it may be tried, on a cluster of its own, and its outputs."""

from __future__ import annotations

import asyncio
from codecs import IncrementalDecoder, getincrementaldecoder
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TypeVar

from styx.api.backend import JobInfo, JobState, LogChunk
from styx.api.errors import ClusterNotFound, ClusterNotUp, StyxError, TransportError, Unsupported
from styx.dags import outputs
from styx.dags.model import POLICY, RunOptions
from styx.engine import jobs
from styx.engine.engine import Engine
from styx.optimizer.rank import Choice
from styx.spec import Task
from styx.spec.model import TaskSpec
from styx.store.states import ClusterState

RECONNECT_SECONDS = 5.0  # before the first new connection; each pause after that is longer
LONGEST_PAUSE = 60.0
PATIENCE = 1800.0  # seconds in all that a cluster is waited for which cannot be reached
HELD_SECONDS = 300.0  # a connection that lasted so long was made; when it breaks, patience begins anew

# Called with what happens: a phase of the engine's with a sentence, "note" or "job" with one, or "log" with output.
Tell = Callable[[str, str], None]

T = TypeVar("T")


@dataclass(slots=True)
class Attempted:
    """How a task went. ``reason`` explains what is not a success."""

    succeeded: bool = False
    exit_code: int | None = None
    reason: str = ""
    tries: int = 0
    outputs: dict[str, str] = field(default_factory=dict)


class _Output:
    """What a job writes, told as text: how far each rank has been read, and the half of a letter it ended with."""

    def __init__(self, tell: Tell) -> None:
        self.reached: dict[int, int] = {}
        self._tell = tell
        self._decoders: defaultdict[int, IncrementalDecoder] = defaultdict(
            partial(getincrementaldecoder("utf-8"), "replace")
        )

    def add(self, chunk: LogChunk) -> None:
        """Tell a chunk."""
        self.reached[chunk.rank] = chunk.offset + len(chunk.data)
        self._tell("log", self._decoders[chunk.rank].decode(chunk.data))

    def end(self) -> None:
        """Nothing more comes."""
        self._tell("log", "".join(decoder.decode(b"", final=True) for decoder in self._decoders.values()))


class TaskRun:
    """Runs one task on a cluster of that name. Under the same ``key`` it goes on with the jobs that are there."""

    def __init__(
        self,
        engine: Engine,
        task: TaskSpec,
        cluster: str,
        key: str,
        tell: Tell,
        options: RunOptions,
        place: Choice | None,
        agreed_hourly_cost: Decimal | None,
    ) -> None:
        self._engine = engine
        self._key = key
        self._task = Task.from_spec(outputs.writing(task, self._key))
        self._cluster = cluster
        self._tell = tell
        self._options = options
        self._launch = partial(
            engine.launch,
            self._task,
            cluster,
            tell,
            prefer=place,
            agreed_hourly_cost=agreed_hourly_cost,
            account=options.account,
            max_hourly_cost=options.max_hourly_cost,
        )

    async def run(self) -> Attempted:
        """How it went, at the last try. The cluster stays."""
        retries = self._task.spec.retries
        found = Attempted()
        for number in range(1, retries.times + 2):
            try:
                job = await self._once(f"{self._key}/{number}")
            except StyxError as error:
                found = Attempted(reason=error.message, tries=number)
            else:
                found = await self._ended(job, number)
            if found.succeeded or (retries.exit_codes and found.exit_code not in retries.exit_codes):
                break
            if number <= retries.times:
                if not await self._nothing_runs():
                    found.reason += "; it is not tried again, as it may still run"
                    break
                self._tell("note", f"{found.reason}; trying again, {retries.times - number + 1} left")
        return found

    async def _nothing_runs(self) -> bool:
        """Whether all jobs on the cluster have ended, after ending what has not: two tries never run at once."""
        try:
            await self._reaching(self._end_jobs)
        except ClusterNotFound:
            return True
        except ClusterNotUp as error:
            return not _unseen(error)
        except StyxError as error:
            self._tell("note", error.message)
            return False
        return True

    async def _end_jobs(self) -> None:
        await self._engine.cancel(self._cluster, None)
        for job in await self._engine.queue(self._cluster):
            if not job.state.ended:
                await self._engine.wait(self._cluster, job.id)

    async def _once(self, key: str) -> JobInfo | None:
        """The job of that key, ended; None for a task with nothing to run."""
        number = await jobs.known(self._engine, self._cluster, key) or await self._launched(key)
        if number is None:
            return None
        self._tell("job", f"runs as job {number} on {self._cluster}")
        output = _Output(self._tell)
        return await self._reaching(lambda: self._watch(number, output))

    async def _launched(self, key: str) -> int | None:
        """The job, on a cluster with the POLICY; on one without, where that is kept or no cloud can do it."""
        policy = None if self._options.keep else POLICY
        try:
            _, number, _ = await self._launch(key=key, autostop=policy)
        except Unsupported:
            if policy is None:
                raise
            self._tell("note", "should this command be killed, its cluster stays until somebody removes it")
            _, number, _ = await self._launch(key=key)
        return number

    async def _watch(self, number: int, output: _Output) -> JobInfo:
        """The job, once it has ended; meanwhile its output is told, from where an earlier watch was broken off."""
        following = asyncio.ensure_future(self._follow(number, output))
        try:
            job = await self._engine.wait(self._cluster, number)
            await asyncio.wait([following], timeout=RECONNECT_SECONDS)
        finally:
            following.cancel()
        output.end()
        return job

    async def _reaching(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the cluster answers. A connection that breaks is made anew; one that cannot be seen is waited for."""
        clock = self._engine.context.clock
        pauses = _pauses()
        while True:
            began = clock.now()
            try:
                return await ask()
            except (TransportError, ClusterNotUp) as error:
                if (clock.now() - began).total_seconds() > HELD_SECONDS:
                    pauses = _pauses()
                pause = next(pauses, None)
                if pause is None or (isinstance(error, ClusterNotUp) and not _unseen(error)):
                    raise
                self._tell("note", f"{error.message}; connecting again")
            await clock.sleep(pause)
            await self._engine.status([self._cluster], refresh=True)  # a cluster that is lost is then no more up

    async def _follow(self, number: int, output: _Output) -> None:
        with suppress(StyxError):  # who waits for the job tells what is wrong
            chunks = self._engine.logs(
                self._cluster, number, follow=True, tail=None, rank=None, offsets=output.reached or None
            )
            async for chunk in chunks:
                output.add(chunk)

    async def _ended(self, job: JobInfo | None, number: int) -> Attempted:
        if job is None:
            return Attempted(succeeded=True, tries=number)
        if job.state is not JobState.SUCCEEDED:
            code = f" with exit code {job.exit_code}" if job.exit_code else ""
            reason = job.reason or f"job {job.id} ended as {job.state}{code}"
            return Attempted(exit_code=job.exit_code, reason=reason, tries=number)
        try:
            values = await self._outputs()
        except StyxError as error:
            return Attempted(exit_code=0, reason=f"its outputs cannot be read: {error.message}", tries=number)
        missing = [name for name in self._task.spec.output_names if name not in values]
        if missing:
            reason = f"it gave no {', '.join(missing)}: write NAME=VALUE to the file ${outputs.VARIABLE}"
            return Attempted(exit_code=0, reason=reason, tries=number, outputs=values)
        return Attempted(succeeded=True, exit_code=0, tries=number, outputs=values)

    async def _outputs(self) -> dict[str, str]:
        names = self._task.spec.output_names
        if not names:
            return {}
        result = await self._reaching(lambda: self._engine.command(self._cluster, 0, outputs.reading(self._key)))
        return outputs.parse(result.stdout, names)


async def to_its_end(work: Awaitable[T]) -> T:
    """What comes of it. A cancellation, or several, does not cut it short: that is raised once it has ended."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


def _unseen(error: ClusterNotUp) -> bool:
    """Whether all that is known of the cluster is that it cannot be seen: its job may well go on."""
    return error.details.get("state") == ClusterState.UNKNOWN


def _pauses() -> Iterator[float]:
    """The seconds between attempts to reach a cluster, as long as there is patience."""
    pause, waited = RECONNECT_SECONDS, 0.0
    while waited < PATIENCE:
        yield pause
        waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)
