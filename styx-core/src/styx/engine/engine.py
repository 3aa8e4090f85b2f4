"""The engine: everything Styx can do to clusters and jobs, as asynchronous calls on one object."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from copy import copy
from decimal import Decimal
from functools import partial
from pathlib import Path

from styx.api.backend import Autostop, Backend, JobInfo, LogChunk
from styx.api.errors import BadInput, ClusterNotFound, StyxError
from styx.api.services import Clock
from styx.api.transport import CommandResult, Transport
from styx.clock import SystemClock
from styx.config import home as default_home
from styx.config import load_config
from styx.engine import budget, container, jobs, lifecycle, policies, recover
from styx.engine.account import glance
from styx.engine.advice import not_up, removed_itself
from styx.engine.clouds import Clouds
from styx.engine.context import Context, Progress
from styx.engine.explain import Explanation, explain
from styx.engine.freshness import misplaced, needs_a_look
from styx.engine.handle import Handle, Handles
from styx.engine.keys import public_key
from styx.engine.launch import launch
from styx.engine.mounts import sync
from styx.engine.obtain import Wish, plan_machines
from styx.engine.operation import LOOK, operation
from styx.engine.orphans import Orphan, Search, find_orphans
from styx.engine.ownership import on_behalf, require_own, require_usable
from styx.engine.phases import timed
from styx.engine.plan import Answered, Plan
from styx.engine.reconcile import reconcile, sweep
from styx.engine.redact import redacting
from styx.engine.references import resolved
from styx.engine.reuse import ANSWER_SECONDS, require_fit
from styx.engine.setup import connect, require_autostop, set_autostop
from styx.engine.storage import StorageWork
from styx.hookspecs import Leaning
from styx.optimizer.rank import Choice
from styx.plugins import plugin_manager
from styx.plugins.manager import PluginManager
from styx.spec import Task
from styx.store import Store
from styx.store.claims import free
from styx.store.holder import current
from styx.store.records import ClusterRecord, Operation
from styx.store.states import ClusterState
from styx.transports.firstcontact import FirstContact
from styx.transports.together import together

DEFAULT_BACKEND = "agent"
_COMES_BACK = frozenset({ClusterState.STOPPED, ClusterState.STOPPING, ClusterState.STARTING})
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


class Engine:
    """One installation, opened. Use it from one event loop; :meth:`close` when done. Jobs go on without it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.storage = StorageWork(context)
        self._handles = Handles()

    @classmethod
    def open(
        cls,
        home: Path | None = None,
        store: Store | None = None,
        *,
        plugins: PluginManager | None = None,
        clock: Clock | None = None,
    ) -> Engine:
        """Open the installation at ``home`` (``$STYX_HOME`` by default). Raises StoreError, InvalidConfig, PluginError.

        Unless others are given, it has its own store, the installed plugins and the real time.
        """
        home = home or default_home()
        config = load_config(home / "config.yaml")
        clock, plugins = clock or SystemClock(), plugins or plugin_manager()
        store = store or Store.open(config.database, home=home, clock=clock.now)
        clouds = Clouds(plugins, config, home, store.installation, clock, store.turns)
        backend = plugins.create("backend", DEFAULT_BACKEND, clouds.services("backend", DEFAULT_BACKEND))
        assert isinstance(backend, Backend)
        return cls(Context(store, plugins, clouds, backend, config, home, clock, current(), public_key(home)))

    def for_user(self, name: str, epoch: int = 0, owners: Collection[str] = ()) -> Engine:
        """This engine as it works for a user of a server, whose the clusters and the budgets are. Never closed.

        What it does to clusters of others, but for the ``owners``, raises NotOwned. With an ``epoch`` it gives nodes
        orders under that: orders of a lower one are refused from then on.
        """
        theirs = copy(self)
        theirs.context = on_behalf(self.context, name, epoch, owners)
        return theirs

    async def close(self) -> None:
        """Close connections to nodes and clouds; what runs goes on."""
        await self.context.told()
        await self._handles.close()
        self.context.clouds.close()
        self.context.store.close()

    async def plan(
        self,
        task: Task,
        progress: Progress,
        *,
        autostop: Autostop | None = None,
        account: str | None = None,
        max_hourly_cost: Decimal | None = None,
        answered: Answered | None = None,
        lenient: bool = False,
    ) -> Plan:
        """What a launch of the task would choose among, after the policies. Makes nothing. Raises what launch would.

        Plans that share what clouds have ``answered`` ask each question once. A ``lenient`` one goes without the
        autostop where nothing that fits can have it.
        """
        with redacting(task.spec.secrets.values()):
            spec = policies.admit(self.context, task, "launch").spec
            wish = Wish(spec, "", autostop, account=account, max_hourly_cost=max_hourly_cost, lenient=lenient)
            return await plan_machines(self.context, wish, progress, answered)

    async def explain(
        self,
        task: Task,
        progress: Progress,
        *,
        autostop: Autostop | None = None,
        account: str | None = None,
        max_hourly_cost: Decimal | None = None,
        not_yet: bool = True,
    ) -> Explanation:
        """Why a launch of the task would go where it would. Makes nothing."""
        with redacting(task.spec.secrets.values()):
            spec = policies.policed(self.context, task, "launch").spec  # what it lacks to run does not matter
            wish = Wish(spec, "", autostop, account=account, max_hourly_cost=max_hourly_cost)
            return await explain(self.context, wish, progress, not_yet=not_yet)

    async def launch(
        self,
        task: Task,
        cluster: str | None,
        progress: Progress,
        *,
        autostop: Autostop | None = None,
        retry_until_up: bool = False,
        setup: bool = True,
        fast: bool = False,
        agreed_hourly_cost: Decimal | None = None,
        account: str | None = None,
        max_hourly_cost: Decimal | None = None,
        prefer: Choice | None = None,
        leaning: Leaning | None = None,
        key: str | None = None,
    ) -> tuple[str, int | None, bool]:
        """Run a task on a new or existing cluster; the cluster's name, the job's number, and whether it was made.

        Returns once the job is queued; the number is None when the task has nothing to run. Nothing that costs more
        than ``agreed_hourly_cost`` or ``max_hourly_cost`` (USD an hour for all nodes; neither: a Ceiling) is made,
        and nothing on another account than the one named. ``prefer`` is asked for first, then what the ``leaning``
        says. Launched again with the same ``key``, it is the same job.
        """
        name = check_name(cluster) if cluster else f"styx-{secrets.token_hex(3)}"
        async with self._ready(task, "launch") as ready:
            limits = agreed_hourly_cost, account, max_hourly_cost
            wish = Wish(ready.spec, name, autostop, retry_until_up, *limits, prefer, leaning)
            with timed(self.context, name, progress) as phases:
                handle, made, as_it_is = await self._obtain(wish, phases, fast=fast)
                try:
                    await container.learn(self.context, handle)
                    if not as_it_is:
                        await container.prepare(self.context, handle, ready.spec, phases)
                    number = await self._run(handle, ready, phases, setup=setup and not as_it_is, key=key)
                    return name, number, made
                except StyxError as error:
                    if made:
                        error.hint = " ".join(filter(None, (error.hint, _stays_up(name))))
                    raise

    async def _obtain(self, wish: Wish, progress: Progress, *, fast: bool) -> tuple[Handle, bool, bool]:
        """The cluster that is wished for, whether it was made, and whether it was taken as it is."""
        name = wish.cluster
        record = self.context.store.clusters.get(name)
        if fast and record is not None and record.state is ClusterState.UP and not self._misplaced(name):
            require_fit(wish.task, record, wish.account)
            return await self._handle(record), False, True
        if wish.max_hourly_cost is not None and record is not None and record.state in _COMES_BACK:
            budget.require(self.context, record, wish.max_hourly_cost)
        handle, made = await launch(self.context.fresh(), wish, progress)
        return await self._handles.keep(handle), made, False

    async def exec(self, task: Task, cluster: str, progress: Progress, *, key: str | None = None) -> int | None:
        """Queue the task on a cluster that is up: no provisioning, no setup; the job's number.

        Queued again with the same ``key``, it is the same job.
        """
        with redacting(task.spec.secrets.values()):
            record = await self._up(cluster)
        async with self._ready(task, "exec") as ready:
            handle = await self._handle(record)
            await container.learn(self.context, handle)
            require_fit(ready.spec, self._known(cluster))
            return await self._run(handle, ready, progress, setup=False, key=key)

    @asynccontextmanager
    async def _ready(self, task: Task, what: str) -> AsyncIterator[Task]:
        """The task as it will run, with its secrets; none of them gets out of the block in an error."""
        with redacting(task.spec.secrets.values()):
            spec = await resolved(self.context, policies.admit(self.context, task, what).spec)
        with redacting(spec.secrets.values()):
            yield Task.from_spec(spec)

    async def _run(
        self, handle: Handle, task: Task, progress: Progress, *, setup: bool, key: str | None = None
    ) -> int | None:
        require_usable(self.context, self._known(handle.name))
        await sync(self.context, handle, task.spec, progress)
        if not task.spec.run and not (setup and task.spec.setup):
            return None
        record = self._known(handle.name)
        progress("submit", "queueing the job")
        job = jobs.job_for(self.context, task.spec, record, setup=setup, key=key)
        return await self.context.backend.submit(handle, job)

    async def status(self, names: Sequence[str] = (), *, refresh: bool = False) -> list[ClusterRecord]:
        """Clusters, newest first, as they are: those that may have changed are looked at first.

        All at once, so that those in one place share one look at it; who does not answer soon is not waited for.
        """
        now, late = self.context.store.now(), self.context.store.attempts.late()
        records = self.context.store.clusters.list(names)
        stale = [each.name for each in records if refresh or needs_a_look(each, now, late=each.name in late)]
        with glance():
            await together(reconcile(self.context.fresh(), name) for name in stale)
            if refresh:
                await self.context.looks.find("sweep", partial(sweep, self.context))
        await self.context.told()
        return self.context.store.clusters.list(names)

    async def look(self, name: str) -> ClusterRecord | None:
        """One cluster as it is now, whatever was known of it; None when it is gone."""
        with glance():
            return await reconcile(self.context.fresh(), name)

    async def orphans(self) -> Search:
        """What is there, in every place that can be looked at, that no cluster on record stands for."""
        with glance():
            found = await self.context.looks.find("orphans", partial(find_orphans, self.context))
        await self.context.told()
        return found

    async def adopt(self, orphan: Orphan) -> ClusterRecord:
        """Take an orphan up as a cluster. Idempotent. Raises ClusterBusy when its name is taken.

        Which container its jobs run in is known where its nodes say so now; else they are asked before the next job.
        """
        record = await recover.adopt(self.context.fresh(), orphan)
        if record.state is ClusterState.UP:
            with suppress(StyxError, TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await container.learn(self.context, await self._handle(record))
        return self.context.store.clusters.get(record.name) or record

    async def discard(self, orphan: Orphan, progress: Progress) -> None:
        """Remove all of an orphan."""
        await recover.discard(self.context.fresh(), orphan, progress)

    async def start(self, name: str, autostop: Autostop | None, progress: Progress) -> None:
        """Bring a stopped cluster back. Idempotent."""
        record = self._known(name)
        if autostop is not None and record.cloud:
            require_autostop(self.context.clouds.get(record.cloud, record.account).cloud, autostop, spot=record.spot)
        await self._handles.drop(name)
        await lifecycle.start(self.context.fresh(), name, autostop, progress)

    async def stop(self, name: str, progress: Progress) -> None:
        """Stop a cluster's machines. Idempotent."""
        await self._handles.drop(name)
        await lifecycle.stop(self.context.fresh(), name, progress)

    async def down(self, name: str, progress: Progress, *, forget: bool = False) -> None:
        """Remove a cluster, or with ``forget`` only its record."""
        await self._handles.drop(name)
        if forget:
            await lifecycle.forget(self.context.fresh(), name)
        else:
            await lifecycle.down(self.context.fresh(), name, progress)

    async def autostop(self, name: str, policy: Autostop | None) -> None:
        """Set or clear autostop on a cluster that is up. Raises Unsupported where nothing could enforce it."""
        context = self.context.fresh()
        await self._up(name)
        async with operation(context, name, "autostop") as record:
            require_autostop(self.context.clouds.get(record.cloud, record.account).cloud, policy, spot=record.spot)
            await set_autostop(context, record, await self._handle(record), policy)

    async def queue(self, name: str) -> list[JobInfo]:
        """The jobs of a cluster, newest first."""
        return await self.context.backend.jobs(await self._connected(name))

    async def job(self, name: str, job_id: int | None) -> JobInfo:
        """One job, by default the newest."""
        return await jobs.job(self.context, await self._connected(name), job_id)

    async def wait(self, name: str, job_id: int) -> JobInfo:
        """A job, once it has ended."""
        return await self.context.backend.wait(await self._connected(name), job_id)

    async def cancel(self, name: str, job_ids: Sequence[int] | None) -> list[int]:
        """Cancel these jobs, or all; those that this call cancelled."""
        return await self.context.backend.cancel(await self._connected(name), job_ids)

    async def logs(
        self,
        name: str,
        job_id: int | None,
        *,
        follow: bool,
        tail: int | None,
        rank: int | None,
        offsets: Mapping[int, int] | None,
    ) -> AsyncIterator[LogChunk]:
        """The output of a job, by default the newest."""
        handle = await self._connected(name)
        async for chunk in jobs.logs(
            self.context, handle, job_id, follow=follow, tail=tail, rank=rank, offsets=offsets
        ):
            yield chunk

    async def command(self, name: str, rank: int, command: str) -> CommandResult:
        """Run a shell command on a node, outside of any job, and wait for it. What it prints is the node's word."""
        return await (await self._connected(name)).transport(rank).run(command)

    async def reached(self, name: str, rank: int) -> Transport:
        """The way to a node of a cluster that is up, also for programs that are started: they can get in by now."""
        way = (await self._connected(name)).transport(rank)
        if isinstance(way, FirstContact):
            await way.meet()  # those know nobody, and nobody lets them in
        return way

    async def _connected(self, name: str) -> Handle:
        return await self._handle(await self._up(name))

    async def _up(self, name: str) -> ClusterRecord:
        """The record of a cluster that is up and may be used; looked at first when it may not be up any more."""
        record = self._known(name)
        stale = record.state is ClusterState.UNKNOWN or needs_a_look(record, self.context.store.now())
        if stale or self._misplaced(name):
            found = await self.look(name)
            if found is None:
                raise removed_itself(name)
            record = found
        require_own(self.context, record)
        if record.state is not ClusterState.UP:
            raise not_up(self.context, record, self._busy_with(name))
        return record

    def _misplaced(self, name: str) -> bool:
        return misplaced(self.context.store.nodes.of(name), self.context.home)

    def _busy_with(self, name: str) -> Operation | None:
        """What another client is doing to the cluster right now, apart from looking at it."""
        record = self.context.store.clusters.get(name)
        held = None if record is None else record.operation
        if held is None or held.kind == LOOK or free(held, self.context.holder, self.context.store.now()):
            return None
        return held

    def _known(self, name: str) -> ClusterRecord:
        record = self.context.store.clusters.get(name)
        if record is None:
            raise ClusterNotFound(
                f"there is no cluster {name!r}", hint="`styx status` lists the clusters.", cluster=name
            )
        return record

    async def _handle(self, record: ClusterRecord) -> Handle:
        return await self._handles.keep(connect(self.context, record))


def _stays_up(name: str) -> str:
    return f"Cluster {name!r} stays up: `styx launch -c {name}` uses it again, `styx down {name}` removes it."


def check_name(name: str) -> str:
    """The name, if a cluster may have it. Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} is not a cluster name",
            hint="Use letters, digits, '.', '_' and '-': start with a letter, at most 63.",
        )
    return name
