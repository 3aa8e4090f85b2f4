"""What the command line and the SDK ask of managed jobs. Two implementations, as for :class:`Client`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from styx.jobs.model import JobOptions
    from styx.spec import Dag, Task
    from styx.store.managed import JobEvent, JobQuery, ManagedJob


class JobsClient(Protocol):
    """Managed jobs. Every method blocks, and raises :class:`styx.api.StyxError` and nothing else."""

    def submit(
        self, task: Task, options: JobOptions, *, name: str = "", count: int = 1, key: str | None = None
    ) -> list[ManagedJob]:
        """Hand a task in, ``count`` times for an array, and see to it that a server works on it.

        Each job of an array has STYX_JOB_RANK and STYX_NUM_JOBS (and SkyPilot's names of these). With ``key``
        idempotent: who asks twice gets the same jobs. Raises InvalidTask, BadInput; the latter also for a key under
        which something else was handed in.
        """

    def submit_dag(self, dag: Dag, options: JobOptions, *, key: str | None = None) -> list[ManagedJob]:
        """Hand the tasks of a Dag in as one group; each is decided on once those that it comes after have ended."""

    def get(self, number: int) -> ManagedJob:
        """One job. Raises JobNotFound."""

    def events(self, number: int, limit: int = 1000) -> list[JobEvent]:
        """What happened to a job, oldest first. Raises JobNotFound."""

    def cancel(self, numbers: Sequence[int]) -> list[int]:
        """Ask that these end; those that had not ended yet. What runs is stopped and its cluster removed."""

    def wait(self, number: int) -> ManagedJob:
        """A job, once it has ended."""

    def logs(self, number: int, *, follow: bool = True, tail: int | None = None, offset: int = 0) -> Iterator[bytes]:
        """Output of a job from a byte on, all its runs one after the other; with ``follow`` until it has ended."""

    def list(self, query: JobQuery) -> list[ManagedJob]:
        """One page of jobs."""
