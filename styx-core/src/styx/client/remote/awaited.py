"""The client of a server for callers who await: what the SDK asks of an engine, asked of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from styx.client.protocol import LaunchOptions, Progress
from styx.client.remote.client import RemoteClient
from styx.engine.workers import Workers

if TYPE_CHECKING:
    from styx.api.backend import Autostop, JobInfo, LogChunk
    from styx.client.costs import CostReport
    from styx.client.remote.http import Http
    from styx.client.remote.storage import Work
    from styx.dags.model import DagResult, Report, RunOptions
    from styx.spec import Dag, Task
    from styx.store.records import ClusterRecord

T = TypeVar("T")
CALLS_AT_ONCE = 64
CALL_SECONDS = 30 * 86400.0  # it ends with what it waits for, not after a time


class RemoteEngine:
    """Each call is one of :class:`RemoteClient` in a thread. One that is cancelled is cancelled at the server, too."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._threads: Workers[Any] = Workers(CALLS_AT_ONCE, "styx-remote")

    async def _ask(self, work: Callable[[RemoteClient], T]) -> T:
        client = RemoteClient(self._http)
        asked = asyncio.ensure_future(self._threads.run(partial(work, client), CALL_SECONDS, harmless=True))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            if not asked.done() and await self._threads.run(client.interrupt, CALL_SECONDS, harmless=True):
                await asyncio.wait({asked})  # until the server has left things in order
            asked.cancel()
            raise

    async def launch(
        self, task: Task, cluster: str | None, progress: Progress, **options: Any
    ) -> tuple[str, int | None, bool]:
        """The cluster's name, the job's number, and whether the cluster was made."""
        wanted = LaunchOptions(cluster, **options)
        done = await self._ask(lambda client: client.launch(task, wanted, progress))
        return done.cluster, done.job_id, done.created

    async def exec(self, task: Task, cluster: str, progress: Progress) -> int | None:
        """The job's number."""
        return (await self._ask(lambda client: client.exec(task, cluster, progress))).job_id

    async def run_dag(self, dag: Dag, options: RunOptions, report: Report) -> DagResult:
        """What became of each task."""
        return await self._ask(lambda client: client.run_dag(dag, options, report))

    async def wait(self, name: str, job_id: int) -> JobInfo:
        """A job, once it has ended."""
        return await self._ask(lambda client: client.wait(name, job_id))

    async def status(self, names: Sequence[str] = (), *, refresh: bool = False) -> list[ClusterRecord]:
        """Clusters, newest first."""
        return await self._ask(lambda client: client.status(names, refresh=refresh))

    async def costs(self, days: int | None) -> CostReport:
        """What clusters have cost."""
        return await self._ask(lambda client: client.costs(days))

    async def start(self, name: str, autostop: Autostop | None, progress: Progress) -> None:
        """Bring a stopped cluster back."""
        await self._ask(lambda client: client.start(name, autostop, progress))

    async def stop(self, name: str, progress: Progress) -> None:
        """Stop a cluster's machines."""
        await self._ask(lambda client: client.stop(name, progress))

    async def down(self, name: str, progress: Progress) -> None:
        """Remove a cluster."""
        await self._ask(lambda client: client.down(name, progress=progress))

    async def autostop(self, name: str, policy: Autostop | None) -> None:
        """Set or clear autostop."""
        await self._ask(lambda client: client.autostop(name, policy))

    async def queue(self, name: str) -> list[JobInfo]:
        """The jobs of a cluster, newest first."""
        return await self._ask(lambda client: client.queue(name))

    async def cancel(self, name: str, job_ids: Sequence[int] | None) -> list[int]:
        """Cancel these jobs, or all; the numbers of those that this call cancelled."""
        return await self._ask(lambda client: client.cancel(name, job_ids))

    def logs(self, name: str, job_id: int | None, **options: Any) -> Iterator[LogChunk]:
        """The output of a job. Blocks."""
        return RemoteClient(self._http).logs(name, job_id, **options)

    @cached_property
    def storage(self) -> Work:
        """Files in the server's stores."""
        from styx.client.remote.storage import Work

        return Work(self._http)
