"""Being there while a managed job runs: its output is kept, and how it ended is told from how its cluster is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from styx.api.backend import JobInfo, JobState
from styx.api.errors import (
    BackendError,
    ClusterNotFound,
    ClusterNotUp,
    JobNotFound,
    StoreError,
    StyxError,
    TransportError,
)
from styx.dags import outputs
from styx.engine.engine import Engine
from styx.jobs import names
from styx.jobs.logfile import Log
from styx.jobs.outcome import Outcome, gone
from styx.spec.model import TaskSpec
from styx.store.access import NotOwned
from styx.store.managed import ManagedJob, ManagedState
from styx.store.records import ClusterRecord
from styx.store.states import ClusterState

PAUSE = 2.0  # seconds before a cluster that cannot be reached is asked again; each pause after that is longer
LONGEST_PAUSE = 60.0
OVERDUE_SECONDS = 60.0  # for the cluster of a run that has to end to say how it did
PATIENCE = 1800.0  # seconds for a cluster that is there and does not answer
HELD_SECONDS = 300.0  # a connection that lasted so long was made; when it breaks, patience begins anew
MARGIN = timedelta(minutes=5)  # what was heard may be old by then, and clocks may differ
LAST_WORDS = 5.0  # seconds for the output of a job that has ended

_THERE = frozenset(
    {ClusterState.UP, ClusterState.UNKNOWN, ClusterState.SETTING_UP, ClusterState.STARTING, ClusterState.SETTLING}
)
_BY_ITSELF = "removed itself by autostop"
_UNSEEN_END = "it ended while no server was there to see how, and its cluster has removed itself since"


class Watch:
    """One run of a job on its cluster. ``number`` is the job's there; ``note`` is told what people may wonder at."""

    def __init__(
        self,
        engine: Engine,
        job: ManagedJob,
        spec: TaskSpec,
        cluster: str,
        number: int,
        run: int,
        note: Callable[[str], object],
    ) -> None:
        self._engine = engine
        self._job = job
        self._spec = spec
        self._cluster = cluster
        self._number = number
        self._run = run
        self._note = note
        self._record = engine.context.store.clusters.get(cluster)
        self._heard_at: datetime | None = None  # when the job was known to run
        most = engine.context.config.jobs.max_log << 20
        self._log = Log(engine.context.home, job.id, run, ranks=spec.num_nodes, most=most)

    def close(self) -> None:
        """Close the log. Idempotent."""
        self._log.close()

    async def outcome(self, timeout: float | None) -> Outcome:
        """How the run went, once it has ended; ended by force ``timeout`` seconds after the job first started."""
        left = None
        if timeout is not None:
            now = self._engine.context.store.now()
            left = timeout - (now - (self._job.started_at or now)).total_seconds()
        limit = asyncio.timeout(None if left is None else max(left, 0.0))
        try:
            async with limit:
                found = await self._to_the_end()
        except TimeoutError:
            if not limit.expired():
                raise
            found = await self._overdue() or Outcome(
                ManagedState.FAILED, f"it took longer than the {timeout:g} s that it may"
            )
        self._log.finish()  # also of what has gone: another run goes on behind what is there
        return found

    async def _overdue(self) -> Outcome | None:
        """End the run; how it went, where it had ended by itself, though nobody was there to see it. StoreError."""
        try:
            async with asyncio.timeout(OVERDUE_SECONDS):
                await self._engine.cancel(self._cluster, [self._number])
                found = await self._how(await self._ended())
        except StoreError:
            raise
        except (StyxError, TimeoutError):
            return None
        return found if found.itself or found.state is ManagedState.SUCCEEDED else None

    async def _to_the_end(self) -> Outcome:
        loop = asyncio.get_running_loop()
        lost_at, pause = None, PAUSE
        while True:
            began = loop.time()
            try:
                return await self._how(await self._ended())
            except (ClusterNotFound, JobNotFound, NotOwned) as error:
                return await self._gone(error.message)
            except (TransportError, ClusterNotUp, BackendError) as error:
                why = error.message
            if loop.time() - began > HELD_SECONDS:
                lost_at, self._heard_at = None, self._engine.context.clock.now()
            if lost_at is None:
                lost_at, pause = loop.time(), PAUSE
            elif pause == 2 * PAUSE:  # once: it was tried again, and to no avail
                self._note(f"its cluster cannot be reached: {why}")
            seen = await self._engine.look(self._cluster)
            if _has_gone(seen):
                return await self._gone(why)
            if seen is not None and seen.state is ClusterState.UP and loop.time() - lost_at > PATIENCE:
                return gone(seen, f"its cluster is there and does not answer: {why}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _ended(self) -> JobInfo:
        """The job as its cluster tells it, ended; meanwhile its output is kept, from where that was broken off."""
        following = asyncio.ensure_future(self._follow())
        try:
            info = await self._engine.wait(self._cluster, self._number)
            await asyncio.wait([following], timeout=LAST_WORDS)
        finally:
            following.cancel()
            await asyncio.wait([following])
        return info

    async def _follow(self) -> None:
        with suppress(StyxError):  # who waits for the job tells what is wrong
            while True:
                chunks = self._engine.logs(
                    self._cluster, self._number, follow=True, tail=None, rank=None, offsets=self._log.reached or None
                )
                async for chunk in chunks:
                    self._heard_at = self._engine.context.clock.now()
                    if not self._log.add(chunk):
                        break
                else:
                    return
                await asyncio.sleep(PAUSE)  # there is no room: it is read again from where it was kept

    async def _how(self, info: JobInfo) -> Outcome:
        if info.state is JobState.SUCCEEDED:
            return await self._succeeded()
        reason = info.reason or (f"exit code {info.exit_code}" if info.exit_code is not None else "")
        seen = await self._engine.look(self._cluster)  # a node that goes takes the job with it, and tells less
        if _has_gone(seen) or self._noticed():
            return await self._gone(reason or f"the job ended as {info.state}")
        if info.state is JobState.LOST or (info.state is JobState.FAILED and info.exit_code is None):
            return gone(seen, reason or "nobody knows how it ended")
        if info.state is JobState.CANCELLED:
            return Outcome(ManagedState.CANCELLED, "it was cancelled on its cluster")
        state = ManagedState.FAILED_SETUP if info.state is JobState.FAILED_SETUP else ManagedState.FAILED
        return Outcome(state, reason, info.exit_code, itself=True)

    async def _succeeded(self) -> Outcome:
        wanted = self._spec.output_names
        if not wanted:
            return Outcome(ManagedState.SUCCEEDED, exit_code=0)
        read = outputs.reading(names.outputs_key(self._job.id, self._run))
        values = outputs.parse((await self._engine.command(self._cluster, 0, read)).stdout, wanted)
        missing = [name for name in wanted if name not in values]
        if missing:
            reason = f"it gave no {', '.join(missing)}: write NAME=VALUE to the file ${outputs.VARIABLE}"
            return Outcome(ManagedState.FAILED, reason, 0, values)
        return Outcome(ManagedState.SUCCEEDED, "", 0, values)

    async def _gone(self, why: str) -> Outcome:
        """What it means that the cluster is not what it was."""
        store = self._engine.context.store
        seen: ClusterRecord | None = store.clusters.get(self._cluster)
        if seen is not None and seen.user != self._engine.context.user:  # the name is another's by now
            seen = None
        if seen is None:
            last = store.events.of(self._cluster, limit=1)
            if last and last[-1].reason == _BY_ITSELF and self._may_have_ended(last[-1].at):
                return Outcome(ManagedState.FAILED, _UNSEEN_END)
        reason = f"its cluster is {seen.state}" if seen is not None else "its cluster is gone"
        noticed = seen is not None and seen.state is ClusterState.UP and self._noticed()
        if noticed:
            reason = "its cluster is about to be preempted"
        return gone(seen or self._record, f"{reason}: {why}", noticed=noticed)

    def _may_have_ended(self, gone_at: datetime) -> bool:
        """Whether the job can have ended unheard of: after that its cluster stays for as long as its autostop says."""
        record = self._record
        if record is None or record.autostop is None:
            return True
        heard_at = max(filter(None, (record.launched_at, self._heard_at)), default=None)
        idle = timedelta(minutes=record.autostop.idle_minutes)
        return heard_at is None or gone_at - heard_at >= idle - MARGIN

    def _noticed(self) -> bool:
        """Whether a node was given notice that it is taken back."""
        return any(node.noticed_at is not None for node in self._engine.context.store.nodes.of(self._cluster))


def _has_gone(cluster: ClusterRecord | None) -> bool:
    """Whether it is known not to be there any more, as it was."""
    return cluster is None or cluster.state not in _THERE
