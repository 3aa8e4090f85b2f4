"""What the command line and the SDK ask for. Two implementations: in this process, and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from styx.api.backend import Autostop, JobInfo, LogChunk
    from styx.api.errors import StoreError
    from styx.client.costs import CostReport
    from styx.client.jobs import JobsClient
    from styx.client.storage import StorageClient
    from styx.dags.model import DagResult, Report, RunOptions
    from styx.engine.explain import Explanation
    from styx.engine.orphans import Orphan, Search
    from styx.hookspecs import DoctorFinding
    from styx.optimizer.rank import Choice
    from styx.spec import Dag, Task
    from styx.store.records import ClusterRecord, EventRecord, NodeRecord

# Called with (phase, sentence) as work goes on: ("provision", "waiting for 2 of 4 nodes"). Phases: plan, provision,
# connect, agent, container, files, submit, stop, start, terminate; note, for a sentence that is to stay in sight when
# others have come; and time, for how long a phase of a launch took.
Progress = Callable[[str, str], None]


def silent(phase: str, sentence: str) -> None:
    """Ignore progress."""
    del phase, sentence


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """How to launch, apart from what. ``cluster`` None means a generated name.

    ``agreed_hourly_cost`` is what was consented to, in USD for all nodes: a launch that finds nothing for that makes
    nothing. None means that nobody was asked: ten times the cheapest then, unless ``max_hourly_cost`` says what it may
    cost in any case. ``account`` is the only one that may be used; None is any.
    """

    cluster: str | None = None
    autostop: Autostop | None = None
    retry_until_up: bool = False
    no_setup: bool = False
    fast: bool = False  # skip provisioning checks and setup on a cluster that is already up
    account: str | None = None
    agreed_hourly_cost: Decimal | None = None
    max_hourly_cost: Decimal | None = None

    def for_engine(self) -> dict[str, Any]:
        """All but the cluster, as keywords of :meth:`styx.engine.engine.Engine.launch`."""
        return {
            "autostop": self.autostop,
            "retry_until_up": self.retry_until_up,
            "setup": not self.no_setup,
            "fast": self.fast,
            "agreed_hourly_cost": self.agreed_hourly_cost,
            "account": self.account,
            "max_hourly_cost": self.max_hourly_cost,
        }


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """What a launch or exec came to. ``job_id`` is None for a task without ``run``."""

    cluster: str
    job_id: int | None
    created: bool = False


@dataclass(frozen=True, slots=True)
class DagLaunch:
    """Where a run would put its tasks: one place for each, in order.

    Costs are USD: ``cost`` of all tasks and of moving data, which alone is ``transfer_cost``; None where a price is
    unknown. ``hours`` is the longest way through. A task that does not say how long it takes is taken to take an hour.
    """

    tasks: tuple[tuple[str, Choice], ...]
    cost: Decimal | None
    transfer_cost: Decimal
    hours: float
    proved: bool = True  # that no plan is better


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether one cloud (or store) can be used; ``message`` says who we are there, or why not and what to do.

    ``faults`` are sentences about what cannot be used of it, worst first.
    """

    kind: str
    name: str
    account: str
    enabled: bool
    message: str
    capabilities: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class Client(Protocol):
    """Every method blocks, raises :class:`styx.api.StyxError` and nothing else, and may be interrupted safely."""

    def launch(self, task: Task, options: LaunchOptions, progress: Progress = silent) -> LaunchResult:
        """Run the task on a new or existing cluster; returns once the job is queued. Raises NoOffer, ClusterBusy."""

    def explain(
        self, task: Task, options: LaunchOptions, progress: Progress = silent, *, not_yet: bool = True
    ) -> Explanation:
        """Why a launch would go where it would: all that fits, and why the rest does not. Makes nothing.

        ``not_yet`` tells also of clouds of which there is only a catalog.
        """

    def exec(self, task: Task, cluster: str, progress: Progress = silent) -> LaunchResult:
        """Queue the task's ``run`` on an existing cluster: no provisioning, no setup. Raises ClusterNotUp."""

    def plan_dag(self, dag: Dag, options: RunOptions) -> DagLaunch:
        """Where a run of these tasks would put them. Makes nothing. Raises NoOffer naming the task that has none."""

    def run_dag(self, dag: Dag, options: RunOptions, report: Report) -> DagResult:
        """Run the tasks, each on a cluster of its own, and wait. An interruption removes the clusters."""

    def status(self, names: Sequence[str] = (), *, refresh: bool = False) -> list[ClusterRecord]:
        """Clusters, newest first. Those that an interruption or autostop may have changed are looked at first."""

    def outdated(self) -> StoreError | None:
        """Why the last :meth:`status` is only what was on record: nothing can be written down. None where it is not.

        So it is on a disk that is full or read-only.
        """

    def lost(self) -> tuple[str, datetime] | None:
        """The installation's id, and when its database was made anew because it had been lost; None if it was not."""

    def passed_over(self) -> list[str]:
        """Names of clusters that only the database in the home has, where the settings name another; sorted."""

    def given_up(self) -> list[str]:
        """Names of clusters of which something that no record stands for may be left; the next refresh removes it."""

    def orphans(self) -> Search:
        """What there is of this installation, on any cloud that can be asked, that no cluster on record stands for.

        When that is nothing, and all could be looked at, :meth:`lost` has nothing to tell any more.
        """

    def adopt(self, orphan: Orphan) -> ClusterRecord:
        """Take an orphan up as a cluster of the name it was made under. Raises ClusterBusy when that is taken."""

    def discard(self, orphan: Orphan, progress: Progress = silent) -> None:
        """Remove all of an orphan. Raises OutcomeUnknown when it is not seen to go."""

    def nodes(self, name: str) -> list[NodeRecord]:
        """The nodes of a cluster by rank."""

    def history(self, name: str, limit: int = 100) -> list[EventRecord]:
        """What happened to a cluster, oldest first; also after it is gone."""

    def start(self, name: str, autostop: Autostop | None = None, progress: Progress = silent) -> None:
        """Bring a stopped cluster back. Idempotent on one that is up."""

    def stop(self, name: str, progress: Progress = silent) -> None:
        """Stop the machines and keep their disks. Idempotent."""

    def down(self, name: str, *, forget: bool = False, progress: Progress = silent) -> None:
        """Remove the cluster. ``forget`` drops the record even when the provider cannot be asked."""

    def autostop(self, name: str, policy: Autostop | None) -> None:
        """Set or clear autostop. Raises Unsupported where nothing could enforce it."""

    def queue(self, name: str) -> list[JobInfo]:
        """The jobs of a cluster, newest first."""

    def job(self, name: str, job_id: int | None = None) -> JobInfo:
        """One job, by default the newest. Raises JobNotFound."""

    def wait(self, name: str, job_id: int) -> JobInfo:
        """Return the job once it has ended."""

    def cancel(self, name: str, job_ids: Sequence[int] | None) -> list[int]:
        """Cancel these jobs, or with None all; return those that this call cancelled."""

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
        """Output of a job (by default the newest). With ``follow``, until the job has ended."""

    def download_logs(self, name: str, job_ids: Sequence[int], target: Path) -> list[Path]:
        """Write the logs of these jobs (all when empty) below ``target``, one file per rank; return the files."""

    def shell(self, name: str, rank: int = 0, command: str | None = None) -> int:
        """Open a terminal on a node, or run a command there, with the standard streams of this process; its exit code.

        To be called last: with the engine in this process it does not return, and the process becomes the program that
        reaches the node. Raises NoProgram where there is none.
        """

    def billed(self) -> Mapping[str, Decimal | None]:
        """What clusters are billed for right now: USD an hour for all nodes, None where nobody said how much.

        One that is not in it is billed for nothing, as far as is known. Nothing is looked at.
        """

    def costs(self, days: int | None = None) -> CostReport:
        """What clusters have cost, ever or in the last days; those that may have changed are looked at first."""

    @property
    def storage(self) -> StorageClient:
        """Files in stores."""

    @property
    def jobs(self) -> JobsClient:
        """Managed jobs."""

    def check(self, names: Sequence[str] = ()) -> list[CheckResult]:
        """Ask every cloud and store (or those named) whether it can be used."""

    def policy(self, name: str) -> str:
        """What the credentials of a cloud must be allowed, in its own language; nobody is asked.

        Raises BadInput when there is no such cloud, Unsupported when it does not tell.
        """

    def doctor(self) -> list[DoctorFinding]:
        """Check this installation: the store, the plugins, the tools on this machine."""

    def close(self) -> None:
        """Close connections. Jobs go on."""
