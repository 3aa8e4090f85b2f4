"""A small world for tests of the engine: clouds in memory, a backend that keeps a table, time that is only counted.

:class:`World` outlives any engine. ``world.engine()`` opens another one on the same store, as another process would.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import wraps
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from styx.api import (
    Autostop,
    Backend,
    BackendError,
    Cloud,
    Cluster,
    Idempotency,
    JobInfo,
    JobNotFound,
    JobSpec,
    JobState,
    LogChunk,
    Login,
    NodeMetrics,
    PluginError,
    Services,
    StyxError,
)  # fmt: skip
from styx.engine.engine import Engine
from styx.plugins import isolation
from styx.spec import Resources, Task
from styx.store import Store
from styx.store.holder import current
from styx.store.records import ClusterRecord, Holder
from styx.testing.clock import FakeClock
from styx.testing.memory.account import Machine, MemoryAccount
from styx.testing.memory.kinds import MEMORY_CLOUDS

HELLO = Task("hello").run("echo hello")


def quiet(phase: str, sentence: str) -> None:
    """Progress that nobody reads."""


class Killed(BaseException):
    """The process is gone, as far as it can be in a test: nothing it does from here on has any effect."""


_cancelled = isolation._cancelled
isolation._cancelled = lambda error: isinstance(error, Killed) or _cancelled(error)


class Life:
    """Counts the steps of one engine and ends it before the one numbered ``ends_at``.

    A step is whatever changes the world: a commit, or a call that may. Dying after one is dying before the next.
    """

    def __init__(self, ends_at: int | None = None) -> None:
        self.ends_at = ends_at
        self.steps: list[str] = []

    @property
    def over(self) -> bool:
        """Whether the process is dead."""
        return self.ends_at is not None and len(self.steps) > self.ends_at

    def step(self, name: str) -> None:
        """One step; a process that is dead takes no more of them."""
        if self.over:
            raise Killed(name)
        self.steps.append(name)
        if self.over:
            raise Killed(name)


class Until(Life):
    """A life that ends before a step of this name."""

    def __init__(self, last: str) -> None:
        super().__init__()
        self.last = last

    def step(self, name: str) -> None:
        """One step."""
        if name == self.last:
            self.ends_at = len(self.steps)
        super().step(name)


class AnswerLost(Life):
    """Ends before what the provider answers is committed."""

    def step(self, name: str) -> None:
        """One step."""
        if self.steps and self.steps[-1].endswith(".launch"):
            self.ends_at = len(self.steps)
        super().step(name)


@dataclass
class Runtime:
    """What runs on one cluster, as its own nodes know."""

    alive: bool = False
    jobs: list[JobInfo] = field(default_factory=list)
    specs: list[JobSpec] = field(default_factory=list)
    autostop: Autostop | None = None
    notice_command: str | None = None
    notices: dict[int, datetime] = field(default_factory=dict)  # of preemption, by rank
    containers: list[tuple[str, Login | None]] = field(default_factory=list)  # what was prepared, and how it was got


class TableBackend(Backend):
    """Keeps jobs in a table; they run until a test ends them."""

    name: ClassVar[str] = "agent"

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.far: dict[str, Runtime] = services.config["runtimes"]
        self.failures: list[tuple[str, StyxError]] = services.config["failures"]
        self.life: Life = services.config["life"]

    def _enter(self, method: str) -> None:
        self.life.step(f"before {method}")
        for each in self.failures:
            if each[0] == method:
                self.failures.remove(each)
                raise each[1]

    def _runtime(self, cluster: Cluster) -> Runtime:
        runtime = self.far.get(cluster.key)
        if runtime is None or not runtime.alive:
            raise BackendError(f"no runtime on {cluster.name}")
        return runtime

    async def prepare(self, cluster: Cluster) -> None:
        self._enter("backend.prepare")
        assert [node.rank for node in cluster.nodes] == list(range(len(cluster.nodes)))
        runtime = self.far.setdefault(cluster.key, Runtime())
        runtime.alive, runtime.notice_command = True, cluster.preemption_notice_command()

    async def prepare_container(self, cluster: Cluster, image: str, login: Login | None = None) -> list[str]:
        self._enter("backend.prepare_container")
        self._runtime(cluster).containers.append((image, login))
        return ["this node has GPUs, and containers cannot use them"]

    async def container_image(self, cluster: Cluster) -> str | None:
        self._enter("backend.container_image")
        prepared = self._runtime(cluster).containers
        return prepared[-1][0] if prepared else ""

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        self._enter("backend.submit")
        runtime = self._runtime(cluster)
        number = len(runtime.jobs) + 1
        now = self.services.clock.now()
        runtime.jobs.append(JobInfo(number, job.name, JobState.RUNNING, now, now, num_nodes=job.num_nodes, key=job.key))
        runtime.specs.append(job)
        return number

    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        for rank, at in self._runtime(cluster).notices.items():
            cluster.preemption_noticed(rank, at)
        return [job for job in reversed(self._runtime(cluster).jobs) if ids is None or job.id in ids]

    async def wait(self, cluster: Cluster, job_id: int) -> JobInfo:
        return self._end(cluster, job_id, JobState.SUCCEEDED)

    async def cancel(self, cluster: Cluster, ids: Collection[int] | None) -> list[int]:
        going = [
            job.id for job in self._runtime(cluster).jobs if not job.state.ended and (ids is None or job.id in ids)
        ]
        for number in going:
            self._end(cluster, number, JobState.CANCELLED)
        return going

    def _end(self, cluster: Cluster, number: int, state: JobState) -> JobInfo:
        jobs = self._runtime(cluster).jobs
        if not 0 < number <= len(jobs):
            raise JobNotFound(f"no job {number}")
        jobs[number - 1] = replace(jobs[number - 1], state=state, exit_code=0)
        return jobs[number - 1]

    async def logs(  # type: ignore[override]
        self, cluster: Cluster, job_id: int, *, follow: bool = True, tail: int | None = None, rank: int | None = None,
        offsets: Mapping[int, int] | None = None,
    ) -> AsyncIterator[LogChunk]:  # fmt: skip
        spec = self._runtime(cluster).specs[job_id - 1]
        for number in range(spec.num_nodes):
            yield LogChunk(number, 0, f"rank {number} of {spec.name}\n".encode())

    async def autostop(self, cluster: Cluster, policy: Autostop | None) -> None:
        self._enter("backend.autostop")
        self._runtime(cluster).autostop = policy

    async def metrics(self, cluster: Cluster) -> list[NodeMetrics]:
        self._runtime(cluster)
        now = self.services.clock.now()
        return [NodeMetrics(node.rank or 0, now, 0.0, 0, 1, 0, 1) for node in cluster.nodes]

    async def shutdown(self, cluster: Cluster, *, keep: bool = False) -> None:
        self._enter("backend.shutdown")
        runtime = self.far.setdefault(cluster.key, Runtime())
        for job in list(runtime.jobs):
            if not job.state.ended:
                runtime.jobs[job.id - 1] = replace(job, state=JobState.CANCELLED)
        runtime.alive = False


CALLS = ("prepare", "launch", "terminate", "stop", "prepare_start", "set_shutdown")  # those that may change something


class Plugins:
    """What the engine asks of the plugin manager, answered from what the test has put in."""

    def __init__(self, world: World, life: Life) -> None:
        self.world, self.life = world, life
        self.plugins: Sequence[Any] = ()

    def names(self, kind: str) -> list[str]:
        return {"cloud": sorted(self.world.clouds), "backend": ["agent"]}.get(kind, [])

    def provided(self, kind: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(name=name, plugin=name) for name in [*self.names(kind), *self.world.switched_off]]

    def with_capability(self, capability: str) -> list[str]:
        return []

    def load(self, kind: str, name: str) -> Any:
        if name not in self.world.clouds:
            raise PluginError(f"no plugin provides a {kind} named {name!r}", hint="Installed: memory.")
        return self.world.clouds[name][0]

    def create(self, kind: str, name: str, services: Services) -> Any:
        if kind == "backend":
            config = {"runtimes": self.world.runtimes, "failures": self.world.failures, "life": self.life}
            return TableBackend(replace(services, config=config))
        if name not in self.world.clouds:
            raise PluginError(f"no plugin provides a cloud named {name!r}")
        made, account = self.world.clouds[name]
        account = self.world.accounts.get((name, services.account), account)
        cloud = made(replace(services, config=account))
        for call in CALLS:
            if hasattr(cloud, call):
                setattr(cloud, call, self._mortal(name, call, getattr(cloud, call)))
        return cloud

    def _mortal(self, cloud: str, call: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def mortal(*args: Any) -> Any:
            self.life.step(f"before {cloud}.{call}")
            return function(*args)

        return mortal

    def implements(self, hook: str) -> bool:
        return hook in self.world.hooks

    def call(self, hook: str, **arguments: Any) -> list[Any]:
        return [self.world.hooks[hook](**arguments)] if hook in self.world.hooks else []

    def first(self, hook: str, **arguments: Any) -> Any:
        return _called(self.world.hooks[hook], arguments) if hook in self.world.hooks else None

    def fold_policy(self, task: Mapping[str, Any], operation: str, user: str) -> Mapping[str, Any]:
        return _called(self.world.hooks["styx_policy"], {"task": task, "operation": operation, "user": user}) or task


def _called(hook: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """What a hook says that is given those arguments that it takes."""
    wanted = signature(hook).parameters
    return hook(**{name: value for name, value in arguments.items() if name in wanted})


class World:
    """Everything that survives a client: the store, the clouds, what runs on their machines, and time."""

    def __init__(self, home: Path, kind: Idempotency | type[Cloud] = Idempotency.TOKEN, **account: Any) -> None:
        self.home = home
        self.kind = kind
        self.clock = FakeClock()
        self.account = MemoryAccount(**account)
        cloud = kind if isinstance(kind, type) else MEMORY_CLOUDS[kind]
        self.clouds: dict[str, tuple[type[Cloud], MemoryAccount]] = {"memory": (cloud, self.account)}
        self.accounts: dict[tuple[str, str], MemoryAccount] = {}  # those that config.yaml names, by cloud and name
        self.runtimes: dict[str, Runtime] = {}
        self.failures: list[tuple[str, StyxError]] = []  # (backend method, error): the next call raises
        self.hooks: dict[str, Callable[..., Any]] = {}
        self.switched_off: list[str] = []  # clouds that are installed and cannot be used
        self.store = Store.open(home=home, clock=self.clock.now)
        self._engines: list[Engine] = []

    def engine(self, life: Life | None = None, holder: Callable[[], Holder] = current) -> Engine:
        """Another client. One with a ``life`` is mortal, and what it holds is known to be a dead process's."""
        store = self.store
        if life is not None:
            store = Store.open(home=self.home, clock=self.clock.now)
            _make_mortal(store, life)
        engine = Engine.open(self.home, store, plugins=Plugins(self, life or Life()), clock=self.clock)  # type: ignore[arg-type]
        fresh = holder if life is None or holder is not current else _dead_holder
        engine.context = _WithHolder.of(engine.context, fresh)
        self._engines.append(engine)
        return engine

    async def close(self) -> None:
        """Close every engine and the store."""
        for engine in self._engines:
            await engine.close()
        self.store.close()

    # -- the truth, for tests to compare with

    def begun(self) -> int:
        """How many jobs were ever handed in on any cluster."""
        return sum(len(runtime.specs) for runtime in self.runtimes.values())

    def machines(self, account: MemoryAccount | None = None) -> list[Machine]:
        """Every machine of the account."""
        account = account or self.account
        return [m for place in {o.scope.name for o in account.offers} for m in account.machines(place, self.clock)]

    def hide_machines(self) -> Callable[[], None]:
        """Let no listing show the machines that are there now; what is returned lets them show again."""
        hidden = dict(self.account._machines)
        self.account._machines.clear()
        return lambda: self.account._machines.update(hidden)

    def lose_the_database(self) -> None:
        """The file is gone; what is beside it, and what runs, is not."""
        self.store.close()
        for path in self.home.glob("state.db*"):
            path.unlink()
        self.store = Store.open(home=self.home, clock=self.clock.now)

    def record(self, name: str = "c") -> ClusterRecord | None:
        """The cluster on record."""
        return self.store.clusters.get(name)

    def reasons(self, name: str = "c") -> list[str]:
        """Why its events happened, oldest first."""
        return [event.reason for event in self.store.events.of(name)]

    def unaccounted(self) -> list[Machine]:
        """Machines that no open, settled or given-up attempt on record stands for."""
        attempts = self.store.attempts.unclosed()
        known = {attempt.owner.name for attempt in attempts}
        ids = {id_ for attempt in attempts if attempt.receipt for id_ in attempt.receipt.node_ids.values()}
        cloud = self.clouds["memory"][0](self._services())
        owners = [(m, cloud._identify(m)) for m in self.machines()]  # type: ignore[attr-defined]
        return [m for m, found in owners if m.id not in ids and (found is None or found[0].name not in known)]

    def _services(self) -> Services:
        log = logging.getLogger("world")
        return Services(self.store.installation, "default", self.account, self.home / "memory", self.clock, log)


class _WithHolder:
    """Makes contexts whose operations are held by a given kind of holder."""

    @staticmethod
    def of(context: Any, holder: Callable[[], Holder]) -> Any:
        class Held(type(context)):  # type: ignore[misc]
            def fresh(self) -> Any:
                return replace(self, holder=holder())

        values = {name: getattr(context, name) for name in context.__dataclass_fields__}
        return Held(**values)


def _dead_holder() -> Holder:
    return replace(current(), started="0")


def _make_mortal(store: Store, life: Life) -> None:
    database: Any = store._database
    write = database.write

    @contextmanager
    def mortal(**how: bool) -> Iterator[Any]:
        life.step("before a commit")
        with write(**how) as connection:
            yield connection

    database.write = mortal


__all__ = ["HELLO", "AnswerLost", "Killed", "Life", "Resources", "Task", "Until", "World", "quiet"]
