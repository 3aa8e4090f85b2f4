"""The Python SDK: a synchronous face over the engine, or over a server. Every function has an ``.aio`` twin to await.

::

    import styx

    task = styx.Task("hello").run("echo 'Hello!'")
    job = styx.launch(task, styx.Resources().gpu("A100", 1))
    for line in job.logs():
        print(line)
    print(job.wait().exit_code)
"""

from __future__ import annotations

import asyncio
import codecs
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from os import PathLike, fspath
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from styx.api.backend import Autostop, JobInfo, LogChunk
from styx.api.errors import AuthFailed
from styx.api.storage import Moved, StoredObject
from styx.client.costs import CostReport, days_ago, report
from styx.client.login import logged_in
from styx.client.protocol import Progress, silent
from styx.dags.model import AT_ONCE, DagResult, Report, RunOptions
from styx.dags.run import DagRun
from styx.engine.engine import Engine
from styx.engine.storage import BucketInfo, Mode, Transfer
from styx.optimizer.tasks import Objective
from styx.sdk.faces import TwoFaced, expect, loop
from styx.spec import Dag, Resources, Task
from styx.store.records import ClusterRecord

if TYPE_CHECKING:
    from styx.client.remote.awaited import RemoteEngine

log = logging.getLogger("styx.sdk")

_engines: WeakKeyDictionary[asyncio.AbstractEventLoop, Engine | RemoteEngine] = WeakKeyDictionary()


def _engine() -> Engine | RemoteEngine:
    """The server that is logged in to, or the engine; of the running loop, to which connections belong."""
    running = asyncio.get_running_loop()
    if running not in _engines:
        _engines[running] = _server() or Engine.open()
    return _engines[running]


def _server() -> RemoteEngine | None:
    login = logged_in()
    if login is None:
        return None
    from styx.client.remote.awaited import RemoteEngine
    from styx.client.remote.http import Http

    return RemoteEngine(Http.to(login))


@dataclass(frozen=True, slots=True)
class Job:
    """A job on a cluster. ``id`` is None when the task had nothing to run."""

    cluster: str
    id: int | None

    def wait(self) -> JobInfo:
        """Block until the job has ended."""
        return wait(self)

    def cancel(self) -> bool:
        """Cancel the job; whether it was still going."""
        return bool(cancel(self.cluster, [self.number]))

    def logs(self, *, follow: bool = True) -> Iterator[str]:
        """The job's output line by line, of all ranks; with ``follow`` until it has ended."""
        return logs(self.cluster, self.number, follow=follow)

    @property
    def number(self) -> int:
        """The job's number. Raises ValueError when the task had nothing to run."""
        if self.id is None:
            raise ValueError(f"nothing was run on cluster {self.cluster!r}: the task has no run script")
        return self.id


@TwoFaced
async def launch(
    task: Task,
    resources: Resources | None = None,
    *,
    cluster: str | None = None,
    autostop: Autostop | None = None,
    retry_until_up: bool = False,
    account: str | None = None,
    max_hourly_cost: Decimal | float | None = None,
    progress: Progress = silent,
) -> Job:
    """Run a task on a new cluster, or on the existing one of that name; returns once the job is queued.

    ``resources`` replace those of the task. ``account`` is the only one of a cloud's that may be used, where there are
    several; ``max_hourly_cost`` is what all nodes together may cost, in USD. Raises NoOffer, ClusterBusy, BadInput and
    provider errors.
    """
    order = "launch(task, resources, cluster='name')"
    expect(order, (task, Task), (resources, Resources | None), (cluster, str | None))
    if resources is not None:
        task = task.resources(resources)
    name, job_id, _ = await _engine().launch(
        task,
        cluster,
        progress,
        autostop=autostop,
        retry_until_up=retry_until_up,
        account=account,
        max_hourly_cost=_dollars(max_hourly_cost),
    )
    return Job(name, job_id)


@TwoFaced
async def run_dag(
    dag: Dag,
    *,
    name: str = "",
    at_once: int = AT_ONCE,
    minimize: str = "cost",
    keep: bool = False,
    account: str | None = None,
    max_hourly_cost: Decimal | float | None = None,
    report: Report = lambda _task, _kind, _text: None,
) -> DagResult:
    """Run tasks that wait for each other, each on a cluster of its own that is removed when the task has ended.

    Returns when all have ended; a task that fails is no error, but in the result. ``minimize`` is "cost" or "time".
    ``max_hourly_cost`` is for each task. Raises InvalidTask for a circle, and NoOffer for a task that fits nowhere.
    """
    expect("run_dag(dag)", (dag, Dag))
    options = RunOptions(name, at_once, keep, account, _dollars(max_hourly_cost), Objective(minimize))
    engine = _engine()
    if isinstance(engine, Engine):
        return await DagRun(engine, dag, options, report).run()
    return await engine.run_dag(dag, options, report)


def _unseen(_count: int) -> None:
    """Nobody watches how far a copy is."""


def _dollars(amount: Decimal | float | None) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))


@TwoFaced
async def exec(task: Task, cluster: str, *, progress: Progress = silent) -> Job:  # noqa: A001 - SkyPilot's users know it
    """Queue a task on a cluster that is up, without provisioning or setup. Raises ClusterNotUp, ClusterNotFound."""
    expect("exec(task, 'cluster')", (task, Task), (cluster, str))
    return Job(cluster, await _engine().exec(task, cluster, progress))


@TwoFaced
async def wait(job: Job) -> JobInfo:
    """A job, once it has ended."""
    return await _engine().wait(job.cluster, job.number)


@TwoFaced
async def status(names: Sequence[str] = (), *, refresh: bool = False) -> list[ClusterRecord]:
    """Clusters, newest first; with ``refresh`` every provider is asked."""
    if isinstance(names, str):  # which is a sequence of names as well, of one letter each
        raise TypeError(f"styx.status(names) takes a list of names: write styx.status([{names!r}])")
    return await _engine().status(names, refresh=refresh)


@TwoFaced
async def cost_report(days: int | None = None) -> CostReport:
    """What clusters have cost, ever or in the last days, also those that are gone; and what each account has."""
    expect("cost_report(days=30)", (days, int | None))
    engine = _engine()
    if not isinstance(engine, Engine):
        return await engine.costs(days)
    clusters, now = await engine.status(), engine.context.store.now()
    since = days_ago(days, now)
    return report(engine.context.store.spans.since(since), clusters, since, now)


@TwoFaced
async def start(cluster: str, *, autostop: Autostop | None = None, progress: Progress = silent) -> None:
    """Bring a stopped cluster back. Idempotent."""
    expect("start('cluster')", (cluster, str))
    await _engine().start(cluster, autostop, progress)


@TwoFaced
async def stop(cluster: str, *, progress: Progress = silent) -> None:
    """Stop a cluster's machines and keep their disks. Idempotent."""
    expect("stop('cluster')", (cluster, str))
    await _engine().stop(cluster, progress)


@TwoFaced
async def down(cluster: str, *, progress: Progress = silent) -> None:
    """Remove a cluster and all it made."""
    expect("down('cluster')", (cluster, str))
    await _engine().down(cluster, progress)


@TwoFaced
async def autostop(cluster: str, policy: Autostop | None) -> None:
    """Set or (None) clear autostop. Raises Unsupported where nothing could enforce it."""
    expect("autostop('cluster', policy)", (cluster, str), (policy, Autostop | None))
    await _engine().autostop(cluster, policy)


@TwoFaced
async def queue(cluster: str) -> list[JobInfo]:
    """The jobs of a cluster, newest first."""
    expect("queue('cluster')", (cluster, str))
    return await _engine().queue(cluster)


@TwoFaced
async def cancel(cluster: str, job_ids: Sequence[int] | None = None) -> list[int]:
    """Cancel these jobs, or all; the numbers of those that this call cancelled."""
    expect("cancel('cluster', [job_id])", (cluster, str), (job_ids, Sequence | None))
    return await _engine().cancel(cluster, job_ids)


@TwoFaced
async def storage_ls(uri: str | None = None) -> list[BucketInfo] | list[StoredObject]:
    """The buckets of this installation, or the objects at or below a URI, by key. Raises NotFound, Unsupported.

    A store that cannot be asked for its buckets is logged, unless it has no credentials; the others are told.
    """
    expect("storage_ls('s3://bucket')", (uri, str | None))
    if uri is not None:
        return await _engine().storage.objects(uri)
    found, problems = await _engine().storage.buckets()
    for name, problem in problems.items():
        level = logging.DEBUG if isinstance(problem, AuthFailed) else logging.WARNING
        log.log(level, "%s: %s", name, problem.message)
    return found


@TwoFaced
async def storage_cp(
    source: str | PathLike[str], target: str | PathLike[str], *, recursive: bool = False, moved: Moved = _unseen
) -> Transfer:
    """Copy a file or an object, or with ``recursive`` all below; what was done. One of both, or both, is a URI."""
    return await _moved(source, target, Mode(recursive=recursive), moved)


@TwoFaced
async def storage_sync(
    source: str | PathLike[str], target: str | PathLike[str], *, delete: bool = False, moved: Moved = _unseen
) -> Transfer:
    """Copy what differs between two directories; what was done. With ``delete`` the target then has nothing else.

    Interrupted anywhere, call it again. ``moved`` is told of bytes that have gone over, from any thread.
    """
    return await _moved(source, target, Mode(sync=True, delete=delete), moved)


async def _moved(source: str | PathLike[str], target: str | PathLike[str], mode: Mode, moved: Moved) -> Transfer:
    expect("storage_sync('directory', 's3://bucket/key')", (source, str | PathLike), (target, str | PathLike))
    work = _engine().storage
    planned = await work.plan(fspath(source), fspath(target), mode)
    await work.carry_out(planned, moved)
    return planned


@TwoFaced
async def storage_rm(uri: str, *, recursive: bool = False) -> int:
    """Remove an object, or with ``recursive`` all at or below the URI; how many. Raises NotFound where nothing is."""
    expect("storage_rm('s3://bucket/key')", (uri, str))
    work = _engine().storage
    found = await work.find(uri, recursive=recursive)
    await work.remove(found)
    return len(found.objects)


@TwoFaced
async def storage_create(uri: str) -> None:
    """Make a bucket. Idempotent for our own; raises Conflict when somebody else has the name."""
    expect("storage_create('s3://bucket')", (uri, str))
    await _engine().storage.create(uri)


@TwoFaced
async def storage_delete(name: str) -> None:
    """Remove a bucket and all in it: by URI, or by the name of one of ours in whatever store. Raises NotFound."""
    expect("storage_delete('s3://bucket')", (name, str))
    work = _engine().storage
    for uri in await work.named([name]):
        await work.delete(uri)


@TwoFaced
async def storage_presign(uri: str, seconds: int = 3600, *, writing: bool = False) -> str:
    """An address under which anybody can read, or write, the object for a while. Raises Unsupported."""
    expect("storage_presign('s3://bucket/key', 600)", (uri, str), (seconds, int))
    return await _engine().storage.presign(uri, seconds, writing=writing)


def logs(cluster: str, job_id: int | None = None, *, follow: bool = True, rank: int | None = None) -> Iterator[str]:
    """The output of a job (by default the newest) line by line; with ``follow`` until it has ended."""
    expect("logs('cluster', job_id)", (cluster, str), (job_id, int | None))
    server = _server()
    if server is not None:
        return _lines(server.logs(cluster, job_id, follow=follow, rank=rank))

    async def chunks() -> AsyncIterator[LogChunk]:
        engine = _engine()
        assert isinstance(engine, Engine)
        async for chunk in engine.logs(cluster, job_id, follow=follow, tail=None, rank=rank, offsets=None):
            yield chunk

    return _lines(loop().iterate(chunks()))


def _lines(chunks: Iterator[LogChunk]) -> Iterator[str]:
    """Whole lines of each rank, in the order in which they were completed."""
    decoders: dict[int, codecs.IncrementalDecoder] = {}
    partial: dict[int, str] = {}
    for chunk in chunks:
        decoder = decoders.setdefault(chunk.rank, codecs.getincrementaldecoder("utf-8")("replace"))
        *whole, rest = (partial.get(chunk.rank, "") + decoder.decode(chunk.data)).split("\n")
        partial[chunk.rank] = rest
        yield from whole
    yield from (rest for _, rest in sorted(partial.items()) if rest)
