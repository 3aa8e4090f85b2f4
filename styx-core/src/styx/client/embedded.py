"""The client that runs the engine inside this process: no server, no daemon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from styx.api.errors import StoreError
from styx.client.opened import Opened
from styx.client.protocol import CheckResult, DagLaunch, LaunchOptions, LaunchResult, Progress, silent
from styx.config import home, load_config

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from styx.api.backend import Autostop, JobInfo, LogChunk
    from styx.client.costs import CostReport
    from styx.client.embedded_jobs import EmbeddedJobs
    from styx.client.storage import EmbeddedStorage
    from styx.dags.model import DagResult, Report, RunOptions
    from styx.engine.explain import Explanation
    from styx.engine.orphans import Orphan, Search
    from styx.hookspecs import DoctorFinding
    from styx.spec import Dag, Task
    from styx.store.records import ClusterRecord, EventRecord, NodeRecord


class EmbeddedClient(Opened):
    """Implements :class:`styx.client.protocol.Client`. Records are read from the store; the engine does the rest."""

    def launch(self, task: Task, options: LaunchOptions, progress: Progress = silent) -> LaunchResult:
        """See :class:`~styx.client.protocol.Client`."""
        name, job_id, made = self.loop.run(self.engine.launch(task, options.cluster, progress, **options.for_engine()))
        return LaunchResult(name, job_id, created=made)

    def explain(
        self, task: Task, options: LaunchOptions, progress: Progress = silent, *, not_yet: bool = True
    ) -> Explanation:
        """See :class:`~styx.client.protocol.Client`."""
        if options.cluster:
            from styx.engine.engine import check_name

            check_name(options.cluster)  # before anybody is asked whether it may be made
        return self.loop.run(
            self.engine.explain(
                task,
                progress,
                autostop=options.autostop,
                account=options.account,
                max_hourly_cost=options.max_hourly_cost,
                not_yet=not_yet,
            )
        )

    def exec(self, task: Task, cluster: str, progress: Progress = silent) -> LaunchResult:
        """See :class:`~styx.client.protocol.Client`."""
        return LaunchResult(cluster, self.loop.run(self.engine.exec(task, cluster, progress)))

    def plan_dag(self, dag: Dag, options: RunOptions) -> DagLaunch:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.dags.plan import plan_places

        found = self.loop.run(plan_places(self.engine, dag, options))
        names = [task.spec.name or f"task {number + 1}" for number, task in enumerate(dag.tasks)]
        chosen = [pick.payload for pick in found.picks]
        return DagLaunch(
            tuple(zip(names, chosen, strict=True)), found.cost, found.transfer_cost, found.hours, found.proved
        )

    def run_dag(self, dag: Dag, options: RunOptions, report: Report) -> DagResult:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.dags.run import DagRun

        return self.loop.run(DagRun(self.engine, dag, options, report).run())

    def status(self, names: Sequence[str] = (), *, refresh: bool = False) -> list[ClusterRecord]:
        """See :class:`~styx.client.protocol.Client`. The engine is loaded only if a record may be out of date."""
        from styx.engine.freshness import needs_a_look

        self._outdated = self._copied = None
        store = self.records
        records, late, now = store.clusters.list(names), store.attempts.late(), store.now()
        if refresh or any(needs_a_look(record, now, late=record.name in late) for record in records):
            try:
                return self.loop.run(self.engine.status(names, refresh=refresh))
            except StoreError as error:
                if error.__cause__ is None:  # the database has not refused anything
                    raise
                self._outdated = error
        return records

    def outdated(self) -> StoreError | None:
        """See :class:`~styx.client.protocol.Client`."""
        return self._outdated

    def lost(self) -> tuple[str, datetime] | None:
        """See :class:`~styx.client.protocol.Client`."""
        memory = self.records.memory
        return (memory.installation, memory.remade) if memory.remade is not None else None

    def passed_over(self) -> list[str]:
        """See :class:`~styx.client.protocol.Client`."""
        if load_config().database is None:
            return []
        from styx.store.peek import cluster_names

        there = cluster_names(home())
        used = {record.name for record in self.records.clusters.list()} if there else set()
        return [name for name in there if name not in used]  # it may be the same database, by its path

    def given_up(self) -> list[str]:
        """See :class:`~styx.client.protocol.Client`."""
        store = self.records
        tombstones = store.attempts.tombstones()
        present = {record.name: record.attempt for record in store.clusters.list()} if tombstones else {}
        return sorted({t.cluster for t in tombstones if present.get(t.cluster) not in ("", t.owner.attempt)})

    def orphans(self) -> Search:
        """See :class:`~styx.client.protocol.Client`."""
        found = self.loop.run(self.engine.orphans())
        if not found.orphans and not found.unseen:
            self.store.nothing_is_lost()
        return found

    def adopt(self, orphan: Orphan) -> ClusterRecord:
        """See :class:`~styx.client.protocol.Client`."""
        return self.loop.run(self.engine.adopt(orphan))

    def discard(self, orphan: Orphan, progress: Progress = silent) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self.loop.run(self.engine.discard(orphan, progress))

    def nodes(self, name: str) -> list[NodeRecord]:
        """See :class:`~styx.client.protocol.Client`."""
        return self.records.nodes.of(name)

    def history(self, name: str, limit: int = 100) -> list[EventRecord]:
        """See :class:`~styx.client.protocol.Client`."""
        return self.records.events.of(name, limit)

    def start(self, name: str, autostop: Autostop | None = None, progress: Progress = silent) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self.loop.run(self.engine.start(name, autostop, progress))

    def stop(self, name: str, progress: Progress = silent) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self.loop.run(self.engine.stop(name, progress))

    def down(self, name: str, *, forget: bool = False, progress: Progress = silent) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self.loop.run(self.engine.down(name, progress, forget=forget))

    def autostop(self, name: str, policy: Autostop | None) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self.loop.run(self.engine.autostop(name, policy))

    def queue(self, name: str) -> list[JobInfo]:
        """See :class:`~styx.client.protocol.Client`."""
        return self.loop.run(self.engine.queue(name))

    def job(self, name: str, job_id: int | None = None) -> JobInfo:
        """See :class:`~styx.client.protocol.Client`."""
        return self.loop.run(self.engine.job(name, job_id))

    def wait(self, name: str, job_id: int) -> JobInfo:
        """See :class:`~styx.client.protocol.Client`."""
        return self.loop.run(self.engine.wait(name, job_id))

    def cancel(self, name: str, job_ids: Sequence[int] | None) -> list[int]:
        """See :class:`~styx.client.protocol.Client`."""
        return self.loop.run(self.engine.cancel(name, job_ids))

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
        """See :class:`~styx.client.protocol.Client`."""
        return self.loop.iterate(self.engine.logs(name, job_id, follow=follow, tail=tail, rank=rank, offsets=offsets))

    def download_logs(self, name: str, job_ids: Sequence[int], target: Path) -> list[Path]:
        """See :class:`~styx.client.protocol.Client`. A file that is there already is replaced."""
        from styx.client.downloads import download_logs

        return download_logs(self, name, job_ids, target)

    def shell(self, name: str, rank: int = 0, command: str | None = None) -> int:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.programs import become

        argv = self.program(name, rank, command)
        self.close()
        become(argv)

    def program(self, name: str, rank: int = 0, command: str | None = None) -> list[str]:
        """The argument list of the program that opens a terminal on a node, or runs a command there."""
        return self.loop.run(self.engine.reached(name, rank)).interactive(command)

    def billed(self) -> Mapping[str, Decimal | None]:
        """See :class:`~styx.client.protocol.Client`."""
        return {span.cluster: span.hourly_cost for span in self.records.spans.going_on()}

    def costs(self, days: int | None = None) -> CostReport:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.costs import days_ago, report

        clusters, now = self.status(), self.records.now()
        since = days_ago(days, now)
        return report(self.records.spans.since(since), clusters, since, now)

    @cached_property
    def storage(self) -> EmbeddedStorage:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.storage import EmbeddedStorage

        return EmbeddedStorage(self)

    @cached_property
    def jobs(self) -> EmbeddedJobs:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.embedded_jobs import EmbeddedJobs

        return EmbeddedJobs(self)

    def check(self, names: Sequence[str] = ()) -> list[CheckResult]:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.diagnosis import check

        return check(self.engine.context, self.loop, names)

    def policy(self, name: str) -> str:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.diagnosis import policy

        return policy(self.engine.context, name)

    def doctor(self) -> list[DoctorFinding]:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.diagnosis import doctor

        return doctor(self)
