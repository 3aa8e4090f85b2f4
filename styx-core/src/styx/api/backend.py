"""The backend contract: what runs jobs on the nodes of one cluster.

Asynchronous, because it talks to nodes through transports. Core has made the nodes; a backend installs its runtime,
takes jobs, and answers for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol

from styx.api.errors import Unsupported
from styx.api.nodes import Node
from styx.api.services import Services
from styx.api.transport import Transport


class JobState(StrEnum):
    """``pending -> setting_up -> running ->`` one of the five ends."""

    PENDING = "pending"
    SETTING_UP = "setting_up"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_SETUP = "failed_setup"
    CANCELLED = "cancelled"
    LOST = "lost"  # nobody knows how it ended: the machine rebooted, or its runtime was removed

    @property
    def ended(self) -> bool:
        """Whether the job will never change state again."""
        return self not in (JobState.PENDING, JobState.SETTING_UP, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job, to be run on ``num_nodes`` nodes at once.

    ``key`` makes submitting idempotent: the same key is the same job. ``setup`` and ``run`` are bash scripts; ``setup``
    runs on every node first. ``workdir`` is relative to the node's home. ``cpus`` and ``gpus`` are per node: they are
    what the first-in-first-out queue counts. ``secrets`` become environment variables like ``envs`` but are never
    stored outside memory or tmpfs, logged or listed. With a ``container``, the name of an image, ``setup`` and ``run``
    run in the node's container made from it (since 1.1).
    """

    key: str
    name: str = ""
    setup: str = ""
    run: str = ""
    envs: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    num_nodes: int = 1
    cpus: float = 0.0
    gpus: float = 0.0
    workdir: str = ""
    task_id: str = ""
    cluster_info: Mapping[str, str] = field(default_factory=dict)
    container: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """How to get at images that not everybody may have: the registry and who we are there. Since 1.1."""

    registry: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobInfo:
    """One job as the cluster tells it. ``exit_code`` is that of the first rank that failed, 0 if none did.

    ``ranks`` maps rank to its exit code once it has ended. ``reason`` says why, for ends that need an explanation.
    """

    id: int
    name: str
    state: JobState
    submitted_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    num_nodes: int = 1
    cpus: float = 0.0
    gpus: float = 0.0
    key: str = ""
    user: str = ""
    ranks: Mapping[int, int] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Bytes that one rank of a job wrote, starting at ``offset`` in that rank's log."""

    rank: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Autostop:
    """Stop (or with ``down`` remove) the cluster after this much idleness. ``wait_for``: jobs_and_ssh, jobs or none."""

    idle_minutes: int
    down: bool = False
    wait_for: str = "jobs_and_ssh"


@dataclass(frozen=True, slots=True)
class NodeMetrics:
    """One sample of one node. Percentages are 0 to 100; sizes are bytes."""

    rank: int
    at: datetime
    cpu_percent: float
    memory_used: int
    memory_total: int
    disk_used: int
    disk_total: int
    net_received: int = 0
    net_sent: int = 0
    gpus: tuple[Mapping[str, float], ...] = ()


class Cluster(Protocol):
    """A cluster as core shows it to a backend. ``nodes`` is sorted by rank; rank 0 is the head."""

    name: str
    key: str  # names this cluster's runtime state on its nodes: installation, cluster, attempt
    nodes: Sequence[Node]
    epoch: int  # of who gives the orders: lower ones are refused once a node has heard this; 0 binds nobody. Since 1.1

    def transport(self, rank: int) -> Transport:
        """The (kept) transport to the node with this rank."""

    def self_stop_command(self, rank: int, *, down: bool) -> str | None:
        """The shell command by which this node stops or removes itself; None when it cannot."""

    def preemption_notice_command(self) -> str | None:
        """The shell command that succeeds on a node that is about to be taken back. Since 1.1.

        None where nodes are never taken back, or without notice.
        """

    def preemption_noticed(self, rank: int, at: datetime) -> None:
        """To be told as soon as a backend hears that this node was given notice, and when. Idempotent. Since 1.1."""


class Backend(ABC):
    """Runs jobs on the nodes of clusters. One object serves any number of clusters.

    Every method may raise TransportError (a node cannot be reached) or BackendError (the runtime says no).
    """

    name: ClassVar[str]

    def __init__(self, services: Services) -> None:
        """Keep ``services``; do nothing else."""
        self.services = services

    @abstractmethod
    async def prepare(self, cluster: Cluster) -> None:
        """Install and start the runtime on every node. Idempotent; running jobs are not disturbed."""

    async def prepare_container(self, cluster: Cluster, image: str, login: Login | None = None) -> Sequence[str]:
        """Have a container made from this image on every node, for jobs that ask for it; what the user should know.

        Idempotent: one that is there stays, with all that was installed in it. Until the runtime is removed, jobs find
        it again, also when their node was rebooted. Raises BackendError where a node cannot have it, and Unsupported
        where no node of this backend can. Since 1.1.
        """
        del image, login
        raise Unsupported(f"backend {self.name!r} has no containers for {cluster.name!r}", capability="container")

    async def container_image(self, cluster: Cluster) -> str | None:
        """The image of the container that the nodes have for jobs; empty for none, None where nobody can tell.

        For clusters that are on record again after the database was lost. Since 1.1.
        """
        del cluster
        return None

    @abstractmethod
    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        """Queue a job and return its number (1, 2, ...). Idempotent on ``job.key``."""

    @abstractmethod
    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        """All jobs, or those with these numbers, newest first. Unknown numbers are left out."""

    @abstractmethod
    async def wait(self, cluster: Cluster, job_id: int) -> JobInfo:
        """Return the job once it has ended. Raises JobNotFound."""

    @abstractmethod
    async def cancel(self, cluster: Cluster, ids: Collection[int] | None) -> list[int]:
        """Cancel these jobs, or with None all that go on; return those that this call cancelled. Idempotent."""

    @abstractmethod
    def logs(
        self,
        cluster: Cluster,
        job_id: int,
        *,
        follow: bool = True,
        tail: int | None = None,
        rank: int | None = None,
        offsets: Mapping[int, int] | None = None,
    ) -> AsyncIterator[LogChunk]:
        """The job's output, of one rank or all, from ``offsets`` (rank -> byte) or the last ``tail`` lines.

        With ``follow`` it goes on until the job has ended and everything has been delivered. Raises JobNotFound.
        """

    @abstractmethod
    async def autostop(self, cluster: Cluster, policy: Autostop | None) -> None:
        """Set or (None) clear the autostop policy. Idempotent; setting restarts the idle clock."""

    @abstractmethod
    async def metrics(self, cluster: Cluster) -> list[NodeMetrics]:
        """The newest sample of every node that can be reached."""

    @abstractmethod
    async def shutdown(self, cluster: Cluster, *, keep: bool = False) -> None:
        """Cancel all jobs and end the runtime, before the nodes are stopped or removed. Idempotent.

        With ``keep`` the nodes may come back: jobs and their logs stay there, and :meth:`prepare` takes them up again.
        Without, nothing of the runtime is left on any node that can be reached.
        """
