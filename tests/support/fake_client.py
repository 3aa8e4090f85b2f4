"""A client that keeps clusters and jobs in memory, for tests of everything that only needs the protocol."""

# ruff: noqa: D102 - the protocol documents its methods

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from styx.api import (
    Accelerator,
    Autostop,
    ClusterNotFound,
    ClusterNotUp,
    Endpoint,
    JobInfo,
    JobNotFound,
    JobState,
    LogChunk,
    Offer,
    Scope,
    StoreError,
)
from styx.client.costs import CostReport, report
from styx.client.protocol import CheckResult, DagLaunch, LaunchOptions, LaunchResult, Progress, silent
from styx.dags.model import DagResult, Report, RunOptions, TaskResult
from styx.dags.schedule import TaskState
from styx.engine.explain import Explanation, Refused, RuledOut
from styx.engine.orphans import Orphan, Search
from styx.hookspecs import DoctorFinding
from styx.optimizer.rank import Choice
from styx.spec.model import Alternative
from styx.store.records import ClusterRecord, EventRecord, NodeRecord, Span
from styx.store.states import ClusterState
from support.fake_jobs import FakeJobs

if TYPE_CHECKING:
    from styx.spec import Dag, Task

EPOCH = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


def choice(
    infra: str, kind: str, cost: str | None, *, gpus: tuple[str, float] | None = None, account: str = "default"
) -> Choice:
    """A way to have a machine of 96 vCPUs and 1152 GiB."""
    cloud, _, region = infra.partition("/")
    devices = (Accelerator(*gpus),) if gpus else ()
    price = None if cost is None else Decimal(cost)
    offer = Offer(cloud, Scope(region), kind, 96, 1152, region, None, devices, price)
    return Choice(offer, Alternative(), price, account)


@dataclass
class Outcome:
    """What the next job writes, rank by rank, and how it ends; ``state`` may be one that has not ended."""

    chunks: Sequence[tuple[int, bytes]] = ()
    state: JobState = JobState.SUCCEEDED
    exit_code: int | None = 0
    reason: str = ""


@dataclass
class Job:
    """A job with all that belongs to it."""

    info: JobInfo
    chunks: Sequence[LogChunk]
    task: Task | None = None


@dataclass
class FakeClient:
    """Implements :class:`styx.client.protocol.Client`.

    ``interrupt`` names methods in which Ctrl-C is pressed, before they do anything; ``"chunk"`` is after the first
    chunk of output, ``"provision"`` when the machines have been asked for. ``errors`` maps a cluster's name to what
    every call for it raises.
    """

    choices: tuple[Choice, ...] = field(default_factory=lambda: (choice("local", "this", "0"),))
    ruled_out: tuple[RuledOut, ...] = ()
    not_yet: tuple[RuledOut, ...] = ()
    refused: tuple[Refused, ...] = ()
    mistake: str | None = None
    outcome: Outcome = field(default_factory=Outcome)
    checks: list[CheckResult] = field(default_factory=list)
    findings: list[DoctorFinding] = field(default_factory=list)
    interrupt: set[str] = field(default_factory=set)
    errors: dict[str, Exception] = field(default_factory=dict)
    clusters: dict[str, ClusterRecord] = field(default_factory=dict)
    queues: dict[str, list[Job]] = field(default_factory=dict)  # the jobs of each cluster
    jobs: FakeJobs = field(default_factory=FakeJobs)
    events: list[EventRecord] = field(default_factory=list)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    closed: bool = False
    remade: tuple[str, datetime] | None = None
    beside: list[str] = field(default_factory=list)
    unwritable: StoreError | None = None
    spans: list[Span] = field(default_factory=list)
    told: Mapping[str, object] = field(default_factory=lambda: {"container": None})  # by nodes that are taken up
    unbilled: set[str] = field(default_factory=set)
    tombstones: list[str] = field(default_factory=list)
    found: Search = field(default_factory=lambda: Search(()))

    def add(self, name: str, state: str = "up", **fields: object) -> ClusterRecord:
        """Put a cluster there as if it had been made earlier."""
        order = timedelta(seconds=len(self.clusters))
        record = ClusterRecord(name, name, ClusterState(state), EPOCH + order, EPOCH + order)
        self.clusters[name] = replace(record, **{"cloud": "local", "hourly_cost": Decimal(0), **fields})
        return self.clusters[name]

    def add_job(self, cluster: str, outcome: Outcome | None = None, *, num_nodes: int = 1, name: str = "") -> JobInfo:
        """Put a job there as if it had been queued earlier."""
        outcome = outcome or self.outcome
        jobs = self.queues.setdefault(cluster, [])
        info = JobInfo(
            len(jobs) + 1,
            name,
            outcome.state,
            EPOCH,
            started_at=EPOCH,
            ended_at=EPOCH + timedelta(seconds=90) if outcome.state.ended else None,
            exit_code=outcome.exit_code if outcome.state.ended else None,
            num_nodes=num_nodes,
            reason=outcome.reason,
        )
        jobs.append(Job(info, [LogChunk(rank, 0, data) for rank, data in outcome.chunks]))
        return info

    def launch(self, task: Task, options: LaunchOptions, progress: Progress = silent) -> LaunchResult:
        self._enter("launch", task, options)
        name = options.cluster or "made-up"
        created = name not in self.clusters
        progress("provision", "waiting for 1 of 1 nodes")
        if created:
            self.add(name, "provisioning", hourly_cost=self.choices[0].hourly_cost, num_nodes=task.spec.num_nodes)
            self.clusters[name] = replace(self.clusters[name], created_at=datetime.now(UTC))
        self._interrupt("provision")
        self.clusters[name] = replace(self.clusters[name], state=ClusterState.UP, autostop=options.autostop)
        return LaunchResult(name, self._queue(name, task), created=created)

    def explain(
        self, task: Task, options: LaunchOptions, progress: Progress = silent, *, not_yet: bool = True
    ) -> Explanation:
        self._enter("plan", task, options)
        return Explanation(task.spec, self.choices, self.refused, self.ruled_out, self.not_yet, self.mistake)

    def exec(self, task: Task, cluster: str, progress: Progress = silent) -> LaunchResult:
        self._enter("exec", task, cluster)
        record = self._record(cluster)
        if record.state != ClusterState.UP:
            raise ClusterNotUp(f"cluster {cluster!r} is {record.state}", hint=f"styx start {cluster}")
        progress("submit", "queueing the job")
        return LaunchResult(cluster, self._queue(cluster, task))

    def _queue(self, cluster: str, task: Task) -> int | None:
        if not task.spec.run:
            return None
        info = self.add_job(cluster, num_nodes=task.spec.num_nodes, name=task.spec.name or "")
        self.queues[cluster][-1].task = task
        return info.id

    def plan_dag(self, dag: Dag, options: RunOptions) -> DagLaunch:
        self.calls.append(("plan_dag", options))
        place = self.choices[0]
        cost = None if place.hourly_cost is None else place.hourly_cost * len(dag)
        return DagLaunch(tuple((task.spec.name or "", place) for task in dag.tasks), cost, Decimal(0), 1.0)

    def run_dag(self, dag: Dag, options: RunOptions, report: Report) -> DagResult:
        self._enter("run_dag", options)
        results = []
        for task in dag.tasks:
            name = task.spec.name or ""
            report(name, "state", "running")
            report(name, "plan", "what everybody goes through")
            for _, data in self.outcome.chunks:
                report(name, "log", data.decode())
            good = self.outcome.exit_code == 0
            state = TaskState.SUCCEEDED if good else TaskState.FAILED
            report(name, "state", state)
            results.append(TaskResult(name, state, "c", self.outcome.exit_code, self.outcome.reason, 1, EPOCH, EPOCH))
        return DagResult("run", self.outcome.exit_code == 0, tuple(results))

    def status(self, names: Sequence[str] = (), *, refresh: bool = False) -> list[ClusterRecord]:
        self._enter("status", tuple(names), refresh)
        found = [record for record in self.clusters.values() if not names or record.name in names]
        return sorted(found, key=lambda record: record.created_at, reverse=True)

    def outdated(self) -> StoreError | None:
        return self.unwritable

    def lost(self) -> tuple[str, datetime] | None:
        return self.remade

    def passed_over(self) -> list[str]:
        return self.beside

    def given_up(self) -> list[str]:
        return self.tombstones

    def orphans(self) -> Search:
        self._enter("orphans")
        return self.found

    def adopt(self, orphan: Orphan) -> ClusterRecord:
        self._enter("adopt", orphan.name)
        return self.add(orphan.name, cloud=orphan.cloud, request=self.told)

    def discard(self, orphan: Orphan, progress: Progress = silent) -> None:
        self._enter("discard", orphan.name)

    def nodes(self, name: str) -> list[NodeRecord]:
        self._enter("nodes", name)
        endpoint = Endpoint("ssh", {"host": "192.0.2.7"})
        return [
            NodeRecord(name, rank, f"n-{rank}", "running", endpoint, private_ip=f"10.0.0.{rank}", seen_at=EPOCH)
            for rank in range(self._record(name).num_nodes)
        ]

    def history(self, name: str, limit: int = 100) -> list[EventRecord]:
        return [event for event in self.events if event.cluster == name][-limit:]

    def start(self, name: str, autostop: Autostop | None = None, progress: Progress = silent) -> None:
        self._enter("start", name, autostop)
        self._become(name, ClusterState.UP)

    def stop(self, name: str, progress: Progress = silent) -> None:
        self._enter("stop", name)
        progress("stop", "waiting for 1 of 1 nodes")
        self._become(name, ClusterState.STOPPED)

    def down(self, name: str, *, forget: bool = False, progress: Progress = silent) -> None:
        self._enter("down", name, forget)
        self._record(name)
        del self.clusters[name]

    def autostop(self, name: str, policy: Autostop | None) -> None:
        self._enter("autostop", name, policy)
        self.clusters[name] = replace(self._record(name), autostop=policy)

    def queue(self, name: str) -> list[JobInfo]:
        self._enter("queue", name)
        self._record(name)
        return [job.info for job in reversed(self.queues.get(name, []))]

    def job(self, name: str, job_id: int | None = None) -> JobInfo:
        return self._job(name, job_id).info

    def wait(self, name: str, job_id: int) -> JobInfo:
        self._enter("wait", name, job_id)
        return self._job(name, job_id).info

    def cancel(self, name: str, job_ids: Sequence[int] | None) -> list[int]:
        self._enter("cancel", name, job_ids)
        self._record(name)
        cancelled = []
        for job in self.queues.get(name, []):
            if not job.info.state.ended and (job_ids is None or job.info.id in job_ids):
                job.info = replace(job.info, state=JobState.CANCELLED)
                cancelled.append(job.info.id)
        return cancelled

    def logs(
        self,
        name: str,
        job_id: int | None = None,
        *,
        follow: bool = True,
        tail: int | None = None,
        rank: int | None = None,
        offsets: Mapping[int, int] | None = None,
    ) -> Iterator[LogChunk]:
        self._enter("logs", name, job_id, follow, tail, rank)
        for chunk in self._job(name, job_id).chunks:
            if rank is None or chunk.rank == rank:
                yield chunk
                self._interrupt("chunk")

    def download_logs(self, name: str, job_ids: Sequence[int], target: Path) -> list[Path]:
        written = []
        for number in job_ids or [job.info.id for job in self.queues[name]]:
            path = target / name / f"job-{number}" / "rank-0.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(chunk.data for chunk in self._job(name, number).chunks))
            written.append(path)
        return written

    def shell(self, name: str, rank: int = 0, command: str | None = None) -> int:
        self._enter("shell", name, rank, command)
        self._record(name)
        return 5

    def billed(self) -> Mapping[str, Decimal | None]:
        return {name: record.hourly_cost for name, record in self.clusters.items() if name not in self.unbilled}

    def costs(self, days: int | None = None) -> CostReport:
        self._enter("costs", days)
        now = EPOCH + timedelta(hours=10)
        return report(self.spans, self.clusters.values(), None if days is None else now - timedelta(days=days), now)

    def check(self, names: Sequence[str] = ()) -> list[CheckResult]:
        return [result for result in self.checks if not names or result.name in names]

    def policy(self, name: str) -> str:
        self._enter("policy", name)
        return f"policy of {name}"

    def doctor(self) -> list[DoctorFinding]:
        return self.findings

    def close(self) -> None:
        self.closed = True

    def _enter(self, method: str, *arguments: object) -> None:
        self.calls.append((method, *arguments))
        self._interrupt(method)
        for argument in arguments:
            if isinstance(argument, str) and argument in self.errors:
                raise self.errors[argument]

    def _interrupt(self, point: str) -> None:
        if point in self.interrupt:
            self.interrupt.remove(point)
            raise KeyboardInterrupt

    def _record(self, name: str) -> ClusterRecord:
        if name not in self.clusters:
            raise ClusterNotFound(f"there is no cluster {name!r}", cluster=name)
        return self.clusters[name]

    def _job(self, name: str, job_id: int | None) -> Job:
        self._record(name)
        jobs = self.queues.get(name, [])
        found = [job for job in jobs if job_id is None or job.info.id == job_id]
        if not found:
            raise JobNotFound(f"cluster {name!r} has no job {job_id or ''}".rstrip(), cluster=name)
        return found[-1]

    def _become(self, name: str, state: ClusterState) -> None:
        self.clusters[name] = replace(self._record(name), state=state)
