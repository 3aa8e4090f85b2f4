"""Managed jobs in memory, for tests of everything that only needs the protocol."""

# ruff: noqa: D102 - the protocol documents its methods

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from styx.api import JobNotFound
from styx.store.managed import JobEvent, JobQuery, ManagedJob, ManagedState

if TYPE_CHECKING:
    from styx.jobs.model import JobOptions
    from styx.spec import Dag, Task

EPOCH = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class FakeJobs:
    """Implements :class:`styx.client.jobs.JobsClient`.

    A job ends as soon as it is handed in, as ``end`` says; ``output`` is what each writes. ``looked`` is called at each
    look at a job, and may raise.
    """

    end: dict[str, object] = field(default_factory=lambda: {"state": ManagedState.SUCCEEDED, "exit_code": 0})
    output: Sequence[bytes] = (b"hello\n",)
    all: dict[int, ManagedJob] = field(default_factory=dict)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    looked: Callable[[int], None] = lambda _number: None

    def add(self, name: str = "train", state: str = "running", **fields: object) -> ManagedJob:
        """Put a job there as if it had been handed in earlier."""
        number = len(self.all) + 1
        at = EPOCH + timedelta(seconds=number)
        job = ManagedJob(number, f"key-{number}", name, ManagedState(state), at, at, {}, user="me")
        self.all[number] = replace(job, **fields)  # type: ignore[arg-type]
        return self.all[number]

    def submit(
        self, task: Task, options: JobOptions, *, name: str = "", count: int = 1, key: str | None = None
    ) -> list[ManagedJob]:
        self.calls.append(("submit", task, options, count))
        group = f"{task.spec.name or 'job'}-g" if count > 1 else ""
        return [self._hand_in(task, group, rank, count) for rank in range(count)]

    def submit_dag(self, dag: Dag, options: JobOptions, *, key: str | None = None) -> list[ManagedJob]:
        self.calls.append(("submit_dag", dag, options))
        return [self._hand_in(task, f"{dag.name}-g", rank, len(dag)) for rank, task in enumerate(dag.tasks)]

    def _hand_in(self, task: Task, group: str, rank: int, size: int) -> ManagedJob:
        job = self.add(
            task.spec.name or "job", "pending", task=task.to_dict(), group=group, rank=rank, size=size, pool=""
        )
        self.all[job.id] = replace(job, started_at=EPOCH, **self.end)  # type: ignore[arg-type]
        return job

    def list(self, query: JobQuery) -> list[ManagedJob]:
        self.calls.append(("list", query))
        found = [
            job
            for job in sorted(self.all.values(), key=lambda job: job.id, reverse=not query.oldest_first)
            if all(
                getattr(query, name) in (None, getattr(job, name))
                for name in ("state", "user", "name", "group", "pool")
            )
            and query.ended in (None, job.state.ended)
            and (query.after is None or (job.id > query.after if query.oldest_first else job.id < query.after))
        ]
        return [replace(job, task={}, options={}) if query.brief else job for job in found[: query.limit]]

    def get(self, number: int) -> ManagedJob:
        self.looked(number)
        if number not in self.all:
            raise JobNotFound(f"no managed job {number}", job=number)
        return self.all[number]

    def events(self, number: int, limit: int = 1000) -> list[JobEvent]:
        self.get(number)
        return [
            JobEvent(1, EPOCH, number, "state", "", "pending"),
            JobEvent(2, EPOCH, number, "state", "pending", "starting", "its turn"),
        ][-limit:]

    def cancel(self, numbers: Sequence[int]) -> list[int]:
        self.calls.append(("cancel", tuple(numbers)))
        found = [number for number in numbers if not self.get(number).state.ended]
        for number in found:
            self.all[number] = replace(self.all[number], state=ManagedState.CANCELLED)
        return found

    def wait(self, number: int) -> ManagedJob:
        return self.get(number)

    def logs(self, number: int, *, follow: bool = True, tail: int | None = None, offset: int = 0) -> Iterator[bytes]:
        self.calls.append(("logs", number, follow, tail))
        self.get(number)
        yield from self.output
